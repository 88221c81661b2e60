"""The sessions that were opened in the SmallWebRTC form, by the ``pc_id`` that their clients know."""

from __future__ import annotations

from dataclasses import dataclass

from livehead.api.session.sdpfrag import parse
from livehead.api.small_webrtc.bodies import Wanted
from livehead.api.small_webrtc.rtvi import Rtvi
from livehead.core.lifecycle import State
from livehead.core.messages.from_server import StateMessage
from livehead.errors import NotFoundError, UnprocessableError
from livehead.sessions.session import Session
from livehead.sessions.status import SessionMessage
from livehead.sessions.viewers.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Connection:
    """A session, its client, what the client asked for and how it was answered. ``by_token`` says that its token came
    in the offer: such a client has nothing to show with its candidates."""

    session: Session
    viewer: Viewer
    wanted: Wanted
    answer: str
    by_token: bool
    rtvi: Rtvi

    async def renegotiate(self, sdp: str) -> str:
        """Answer one more offer of the same peer connection. Pipecat's client makes it when it has more candidates,
        and nothing else of it may have changed. Raises UnprocessableError for an ICE restart, and MalformedError."""
        fragment = parse(sdp)
        if any(self.viewer.is_restart(ufrag) for ufrag in fragment.ufrags):
            raise UnprocessableError(
                "ICE restarts are not possible. Make a new RTCPeerConnection and send its offer with restart_pc true."
            )
        for candidate in fragment.candidates:
            if candidate is not None:
                await self.viewer.add_candidate(candidate.candidate, candidate.sdpMid, None)
        return self.answer

    async def replace(self) -> None:
        """End it, for the client has a new peer connection to go on with."""
        self.rtvi.fall_silent()
        self.session.end("replaced")
        await self.session.closed.wait()


class Connections:
    """Those of sessions that are not closed yet."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}

    def find(self, pc_id: str) -> Connection:
        """Raises NotFoundError."""
        connection = self._connections.get(pc_id)
        if connection is None:
            raise NotFoundError("There is no such pc_id; its session may have ended. POST /api/offer opens one.")
        return connection

    def add(self, session: Session, wanted: Wanted, answer: str, *, by_token: bool) -> Connection:
        """Keep a session that was just opened, and speak RTVI with its client, until it is closed."""
        assert session.caller is not None
        rtvi = Rtvi(session.caller.peer.send_text, lambda: session.end("bye"))
        connection = Connection(session, session.caller, wanted, answer, by_token, rtvi)
        self._connections[session.id] = connection
        session.caller.speak(rtvi)

        def listen(message: SessionMessage) -> None:
            rtvi.hear(message)
            if isinstance(message, StateMessage) and message.state is State.CLOSED:
                self._connections.pop(session.id, None)

        listen(session.state)
        session.subscribe(listen)
        return connection
