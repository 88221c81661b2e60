"""Header fields that a proxy passes on, changes and leaves out (RFC 9110 section 7.6)."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope

from livehead.transport.proxies import Proxies

RawHeaders = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_REQUEST = _HOP_BY_HOP | {
    b"expect",  # the ingress has told the client to go on
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
}
_ANSWER = _HOP_BY_HOP | {b"date", b"server"}  # whoever serves the ingress adds its own


def request_headers(scope: Scope, proxies: Proxies) -> RawHeaders:
    """Of a request as it goes on to a replica. Host stays: what pages may call, and the addresses in answers, follow
    from it. What the client says about where it comes from counts only where it is a trusted proxy."""
    given: RawHeaders = scope["headers"]
    found = [(name, value) for name, value in _end_to_end(given, _REQUEST)]
    client = scope.get("client")
    address = str(client[0]) if client else "unknown"
    before = [value for name, value in given if name == b"x-forwarded-for"] if address in proxies else []
    found.append((b"x-forwarded-for", b", ".join([*before, address.encode("latin-1")])))
    scheme = b"https" if scope.get("scheme") in ("https", "wss") else b"http"
    told = [value for name, value in given if name == b"x-forwarded-proto"] if address in proxies else []
    found.append((b"x-forwarded-proto", told[-1] if told else scheme))
    found += [(b"x-forwarded-host", value) for name, value in given if name == b"host"][:1]
    return found


def answer_headers(given: Iterable[tuple[bytes, bytes]], replica_url: str) -> RawHeaders:
    """Of a replica's answer as it goes on to the client. A Location with the replica's own address is made one of the
    fleet."""
    own = replica_url.encode()
    found: RawHeaders = []
    for name, value in _end_to_end(given, _ANSWER):
        here = name == b"location" and (value == own or value.startswith((own + b"/", own + b"?")))
        found.append((name, value[len(own) :] or b"/") if here else (name, value))
    return found


def _end_to_end(given: Iterable[tuple[bytes, bytes]], left_out: frozenset[bytes]) -> RawHeaders:
    lowered = [(name.lower(), value) for name, value in given]
    named = {each.strip().lower() for name, value in lowered if name == b"connection" for each in value.split(b",")}
    return [(name, value) for name, value in lowered if name not in left_out and name not in named]
