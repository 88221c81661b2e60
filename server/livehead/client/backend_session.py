"""A session that a backend opens; viewers join it by WHEP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import TypeAdapter

from livehead.client.session import Session
from livehead.client.transport.http import Http


@dataclass(frozen=True, slots=True)
class _Created:
    session: str
    whep: str
    token: str


_CREATED = TypeAdapter(_Created)


class BackendSession(Session):
    """Opened by ``async with``, which also ends it. It costs the server's engine nothing before its first viewer."""

    def __init__(self, http: Http, options: Mapping[str, Any]) -> None:
        super().__init__(http)
        self._options = options
        self._created: _Created | None = None
        self._deleted = False

    @property
    def whep(self) -> str:
        """The address at which viewers join, absolute, for a WHEP player or ``<live-head>``."""
        return self._http.absolute(self._opened.whep)

    @property
    def token(self) -> str:
        """A token for the viewers: it is good for this session only, to view it, speak and hear in it."""
        return self._opened.token

    async def open(self) -> Self:
        if self._created is None:
            self._created = await self._http.read(_CREATED, "POST", "/v1/sessions", json=self._options)
            self._id = self._created.session
        return await super().open()

    async def close(self) -> None:
        """End the session on the server, too. May be called twice."""
        await super().close()
        if self._created is not None and not self._deleted:
            self._deleted = True
            await self._delete()

    @property
    def _opened(self) -> _Created:
        if self._created is None:
            raise RuntimeError("the session is not open: use `async with`, or await its open()")
        return self._created
