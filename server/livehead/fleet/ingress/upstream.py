"""HTTP from the ingress to the replicas."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator

import httpx
from starlette.types import Scope

from livehead.fleet.directory import Replica
from livehead.fleet.ingress.body import RequestBody
from livehead.fleet.ingress.headers import RawHeaders

KEEP_ALIVE_S = 5.0
"""Connections are used again for so long: a server closes them after 10 s, and a request on one that is just being
closed could not be told from one that was served."""

MAX_CONNECTIONS = 1000

TCP_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]
"""A connection to a machine that is gone without a word ends after 5 s; one to a replica that is slow to read never
does for that."""

UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""The replica has not seen the request, which may go to another one."""


def make_client(tls: ssl.SSLContext, connect_seconds: float, answer_seconds: float) -> httpx.AsyncClient:
    """One client for all replicas. It takes no notice of proxies in the environment, and follows no redirection."""
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=tls,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=MAX_CONNECTIONS, max_keepalive_connections=100, keepalive_expiry=KEEP_ALIVE_S
            ),
            socket_options=TCP_KEEPALIVE,
        ),
        timeout=httpx.Timeout(answer_seconds, connect=connect_seconds, pool=connect_seconds),
        trust_env=False,
    )


def build_request(
    replica: Replica, scope: Scope, headers: RawHeaders, body: RequestBody | bytes | None
) -> httpx.Request:
    """The request as it came, to a replica. Its path is sent as it was written."""
    content: AsyncIterator[bytes] | bytes | None = body.chunks() if isinstance(body, RequestBody) else body
    return httpx.Request(
        scope["method"], replica.url, headers=headers, content=content, extensions={"target": target_of(scope)}
    )


def target_of(scope: Scope) -> bytes:
    """Path and query, as the client wrote them."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path


def has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
