"""What the sockets beside a session have in common: the rate of their samples, and that they end with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from livehead.api.session.socket import GOING_AWAY, MessageSocket
from livehead.core.lifecycle import State
from livehead.core.messages.from_server import StateMessage
from livehead.errors import MalformedError
from livehead.sessions.session import Session
from livehead.sessions.status import SessionMessage


def read_rate(given: str | None) -> int:
    """Samples a second. Raises MalformedError for what is no whole number."""
    try:
        return int(given or "")
    except ValueError:
        raise MalformedError("Say the rate of the samples in Hz as a whole number, as in ?rate=24000.") from None


async def run_beside(
    session: Session,
    socket: MessageSocket,
    handle: Callable[[str | bytes], Awaitable[None]],
    *,
    on_closed: Callable[[], None] = lambda: None,
) -> None:
    """Give ``handle`` every message of ``socket`` until either that or the session ends. ``on_closed`` is called when
    the session has, and may still send."""

    def on_session(message: SessionMessage) -> None:
        if isinstance(message, StateMessage) and message.state is State.CLOSED:
            on_closed()
            socket.end(GOING_AWAY)

    session.subscribe(on_session)
    try:
        await socket.run(handle)
    finally:
        session.unsubscribe(on_session)
