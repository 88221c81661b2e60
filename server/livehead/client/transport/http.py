"""One server's address, credentials and HTTP connections, and how its sockets are opened."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from livehead import __version__
from livehead.client.errors import ConnectionLost, ProtocolError, refusal
from livehead.client.transport.back_off import BackOff

Read = TypeVar("Read")

AGENT = f"livehead/{__version__}"

TRY_AGAIN = (429, 503)

CLOSE_S = 2.0
PING_S = 15.0
"""A socket whose server answers no ping for so long is given up."""

MAX_MESSAGE = 1 << 20

FORMER = 2
"""Sets of connections that are kept open for requests that are under way, when new ones are made."""


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc  # the credentials are for this server, and a Livehead server redirects nowhere


class Http:
    """``key`` is an API key or a token; it goes into the header ``Authorization`` and nowhere else.

    ``timeout`` bounds each step of a request in seconds, ``patience`` how long a request is repeated that the server
    answers with 429 or 503. ``tls`` is for servers whose certificate the system does not know.
    """

    def __init__(
        self, url: str, key: str | None, timeout: float, patience: float, tls: ssl.SSLContext | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a server; it looks like https://head.example")
        if key is not None and (not key.isascii() or not key.isprintable() or " " in key or not key):
            raise ValueError("the key holds characters that no key or token has")
        self.url = url.rstrip("/") + "/"
        self.timeout = timeout
        self.patience = patience
        self._headers = {"User-Agent": AGENT} | ({"Authorization": f"Bearer {key}"} if key is not None else {})
        self._tls = tls
        self._client: httpx.AsyncClient | None = None
        self._former: deque[httpx.AsyncClient] = deque()

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    async def open(self) -> None:
        if self._client is not None:
            return
        if self.secure and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)  # reads the system's certificates
        self._client = self._make_client()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            self._former.append(client)
        while self._former:
            await self._former.popleft().aclose()

    async def renew(self) -> None:
        """The next requests make connections of their own: those that were kept may come from an address that this
        machine has no more, and what is sent on them is answered by nobody. Requests that are under way go on."""
        if self._client is not None:
            self._former.append(self._client)
            self._client = self._make_client()
        while len(self._former) > FORMER:
            await self._former.popleft().aclose()

    def _make_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=self._headers,
            timeout=self.timeout,
            verify=self._tls if self._tls is not None and self.secure else False,  # False: there is no TLS
        )

    def absolute(self, path: str) -> str:
        """The address of what the server named with ``path``."""
        return urljoin(self.url, path.lstrip("/"))

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        content: str | None = None,
        content_type: str | None = None,
        query: Mapping[str, str] | None = None,
        within: float | None = None,
    ) -> httpx.Response:
        """A request, repeated while the server answers 429 or 503 and there is patience. Raises ProblemError for
        every other status of 400 and above, ConnectionLost, and ProtocolError for a redirection, which is not
        followed: the credentials are for this server."""
        if self._client is None:
            raise ConnectionLost("The client is not open: use `async with Livehead(…)`, or await its open().")
        back_off = BackOff(self.patience)
        while True:
            try:
                answer = await self._client.request(
                    method,
                    self.absolute(path),
                    json=json,
                    content=content,
                    params=query,
                    headers={"Content-Type": content_type} if content_type else None,
                    timeout=self.timeout if within is None else within,
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ConnectionLost(f"{method} {self.url}: {_reason(error)}. Is the server running there?") from error
            if answer.is_redirect:
                location = answer.headers.get("Location", "nowhere")
                raise ProtocolError(f"{self.url} redirects to {location[:200]}: give that address if it is the server.")
            if not answer.is_error:
                return answer
            problem = refusal(answer.status_code, answer.content, answer.headers.get("Retry-After"))
            wait = back_off.wait(problem.retry_after) if answer.status_code in TRY_AGAIN else None
            if wait is None:
                raise problem
            await asyncio.sleep(wait)

    async def read(self, kind: TypeAdapter[Read], method: str, path: str, **request: Any) -> Read:
        """The JSON that the server answers with. Raises like :meth:`request`, and ProtocolError for anything else."""
        answer = await self.request(method, path, **request)
        try:
            return kind.validate_json(answer.content)
        except ValidationError as error:
            raise ProtocolError(
                f"{method} {path}: {_first(error)}. {self.url} is no Livehead of this version."
            ) from None

    async def socket(self, path: str, **query: object) -> ClientConnection:
        """An open WebSocket. Raises ProblemError where the server refuses, and ConnectionLost."""
        address = self.absolute(path).replace("http", "ws", 1)
        opening = _Connect(
            f"{address}?{urlencode(query)}" if query else address,
            additional_headers=self._headers,
            user_agent_header=None,
            ssl=self._tls if self.secure else None,
            compression=None,  # samples do not get smaller by it
            open_timeout=self.timeout,
            close_timeout=CLOSE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=MAX_MESSAGE,
        )
        try:
            return await opening
        except InvalidStatus as error:
            answer = error.response
            if 300 <= answer.status_code < 400:
                raise ProtocolError(f"{path} is redirected, which a Livehead server does not do.") from None
            raise refusal(answer.status_code, bytes(answer.body or b""), answer.headers.get("Retry-After")) from None
        except (InvalidHandshake, OSError, TimeoutError) as error:
            raise ConnectionLost(f"{path}: {_reason(error)}. Is the server running at {self.url}?") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in found["loc"])
    return f"{place}: {found['msg']}" if place else str(found["msg"])
