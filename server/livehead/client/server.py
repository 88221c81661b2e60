"""A Livehead server, as its clients have it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from pydantic import TypeAdapter

from livehead.client.answers import Avatar, ServerInfo, Token
from livehead.client.backend_session import BackendSession
from livehead.client.call.call import Call
from livehead.client.session import Session
from livehead.client.transport.http import Http

InterruptMode: TypeAlias = Literal["off", "auto"]
Record: TypeAlias = Literal["film", "replay"]
Source: TypeAlias = Literal["push", "mic"]
RoleName: TypeAlias = Literal["open", "view", "speak", "hear"]

_INFO = TypeAdapter(ServerInfo)
_AVATARS = TypeAdapter(list[Avatar])
_TOKEN = TypeAdapter(Token)


class Livehead:
    """The server at ``url``, as ``https://head.example``; ``key`` is an API key, or a token, where it needs one.

        async with Livehead("https://head.example", key=key) as server:
            async with server.session(avatar="default") as head:
                await head.speak(pcm, rate=24000)

    ``timeout`` bounds each step of a request in seconds; ``patience`` how long a request is repeated that the server
    answers with 429 or 503, and how long a broken connection of a session is tried again; a lost call three times as
    long. ``tls`` is for servers whose certificate the system does not know. Raises ValueError for what is no address or
    no key.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 15.0,
        patience: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._http = Http(url, key, timeout, patience, tls)

    async def open(self) -> Self:
        """Make the connections possible; nothing is sent."""
        await self._http.open()
        return self

    async def close(self) -> None:
        """May be called twice. Sessions are closed by themselves, before."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def session(
        self,
        *,
        avatar: str = "default",
        latency: str | None = None,
        interrupt: InterruptMode | None = None,
        seed: int | None = None,
        probe: bool = False,
        background: str | None = None,
        record: Record | None = None,
    ) -> BackendSession:
        """A session without a peer of its own: viewers join it by WHEP. It is opened by ``async with`` or its
        ``open()``. With ``interrupt="auto"`` a user who begins to speak interrupts the portrait; ``latency`` is
        ``auto`` or names a preset of :meth:`info`. ``background`` is that of its look: ``keep``, ``#rrggbb``, ``blur``,
        ``transparent`` or the id of an avatar. ``record`` keeps a film of it, or what it takes to render it again.
        What is left out is as the server has it."""
        options = {"avatar": avatar, "source": "push"} | _given(
            latency=latency,
            interrupt=interrupt,
            seed=seed,
            probe=probe or None,
            look=None if background is None else {"background": background},
            record=None if record is None else _RECORD[record],
        )
        return BackendSession(self._http, options)

    def call(
        self,
        *,
        avatar: str = "default",
        source: Source = "push",
        latency: str | None = None,
        interrupt: InterruptMode | None = None,
        seed: int | None = None,
        probe: bool = False,
        microphone: bool | None = None,
        background: str | None = None,
        record: Record | None = None,
        reconnect: bool = True,
    ) -> Call:
        """A session with a peer of its own, whose pictures and sound come to this program. With source=mic it has a
        microphone, :meth:`Call.talk`, that drives the portrait; with source=push it has one for the session's ears
        where ``microphone`` is true. A call whose server is lost goes on with another session, unless ``reconnect`` is
        false. The other options are those of :meth:`session`."""
        options = {"avatar": avatar, "source": source, "voice": "on"} | _given(
            latency=latency,
            interrupt=interrupt,
            seed=None if seed is None else str(seed),
            probe="1" if probe else None,
            look=None if background is None else json.dumps({"background": background}),
            record=None if record is None else _RECORD[record],
        )
        has_microphone = source == "mic" if microphone is None else microphone
        return Call(self._http, options, microphone=has_microphone, reconnect=reconnect)

    def attach(self, session_id: str) -> Session:
        """A session that is there already, opened by a page with source=push. Leaving it does not end it."""
        return Session(self._http, session_id)

    async def info(self) -> ServerInfo:
        """What the server is, and what room it has."""
        return await self._http.read(_INFO, "GET", "/v1/info")

    async def avatars(self) -> list[Avatar]:
        """The portraits that sessions may have."""
        return await self._http.read(_AVATARS, "GET", "/v1/avatars")

    async def token(
        self,
        roles: Iterable[RoleName],
        *,
        avatar: str | None = None,
        source: Source | None = None,
        session: str | None = None,
        max_seconds: float | None = None,
        uses: int | None = None,
    ) -> Token:
        """A token for somebody who must not have the key, as a page. Needs the key itself."""
        grant = {"roles": list(roles)} | _given(
            avatar=avatar, source=source, session=session, max_seconds=max_seconds, uses=uses
        )
        return await self._http.read(_TOKEN, "POST", "/v1/tokens", json=grant)


_RECORD: dict[Record, str] = {"film": "1", "replay": "replay"}
"""As the server reads it, in JSON and in a query."""


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
