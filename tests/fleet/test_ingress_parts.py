"""The parts of the ingress that need no replica: ways, headers, figures, the fleet as one server."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.doors import doors
from fleet.test_placement import reading
from livehead.errors import TooLargeError, UsageError
from livehead.fleet.directory import MemoryDirectory, Replica
from livehead.fleet.ingress.body import RequestBody
from livehead.fleet.ingress.exposition import merge
from livehead.fleet.ingress.headers import answer_headers, request_headers
from livehead.fleet.ingress.opening import connection_of, latency_of
from livehead.fleet.ingress.overview import fleet_info, readiness
from livehead.fleet.ingress.serve import read_replicas
from livehead.fleet.ingress.sockets import ClientSocket, join
from livehead.fleet.ingress.way import Way, find_way
from livehead.metrics import Metrics
from livehead.transport.proxies import Proxies

OPENINGS = {"POST /v1/sessions", "POST /start", "POST /whip/{avatar}"}
OWN = {"GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/info"}


def test_every_route_has_its_way() -> None:
    """What names a session in its path is for that session's replica; what is placed is written here."""
    seen = set()
    for door in doors():
        method = "GET" if door.method == "WS" else door.method
        found = find_way(method, door.path.replace("{session_id}", "r1.Ab-_").replace("{start_id}", "r1.Ab-_"))
        expected = Way.ANY
        if "{session_id}" in door.path or "{start_id}" in door.path:
            expected = Way.REPLICA
            assert found.replica == "r1"
        elif str(door) in OPENINGS or (door.method == "POST" and door.path.startswith("/whip/")):
            expected = Way.PLACE
        elif door.path == "/api/offer":
            expected = Way.PIPECAT
        elif str(door) in OWN:
            expected = Way.OWN
        assert found.way is expected, str(door)
        seen.add(expected)
    assert seen == set(Way)


@pytest.mark.parametrize(
    "path", ["/v1/sessions/", "/v1/sessions//x", "/whep", "/sessions/r1.A/api/offer/", "//v1/info"]
)
def test_what_is_no_route_is_for_any_replica_to_refuse(path: str) -> None:
    assert find_way("GET", path).way is Way.ANY or find_way("GET", path).replica is None


def scope(headers: dict[str, str], client: str = "203.0.113.7", scheme: str = "https") -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"headers": raw, "client": (client, 4711), "scheme": scheme}


def test_where_a_request_comes_from() -> None:
    claims = {"host": "head.example", "x-forwarded-for": "10.9.9.9", "x-forwarded-proto": "https", "forwarded": "for=x"}
    told = dict(request_headers(scope(claims, scheme="http"), Proxies(())))
    assert told[b"x-forwarded-for"] == b"203.0.113.7"
    assert told[b"x-forwarded-proto"] == b"http"
    assert told[b"x-forwarded-host"] == told[b"host"] == b"head.example"
    assert b"forwarded" not in told
    trusted = dict(request_headers(scope(claims, scheme="http"), Proxies(("203.0.113.0/24",))))
    assert trusted[b"x-forwarded-for"] == b"10.9.9.9, 203.0.113.7"
    assert trusted[b"x-forwarded-proto"] == b"https"
    assert dict(request_headers(scope({}, scheme="wss"), Proxies(())))[b"x-forwarded-proto"] == b"https"


def test_what_is_of_one_connection_stays_there() -> None:
    given = {"connection": "keep-alive, X-Own", "x-own": "1", "te": "trailers", "transfer-encoding": "chunked"}
    told = dict(request_headers(scope(given | {"authorization": "Bearer k", "range": "bytes=0-1"}), Proxies(())))
    assert told.keys() >= {b"authorization", b"range"}
    assert not told.keys() & {name.encode() for name in given}
    answer = [
        (b"Connection", b"close, X-Hop"),
        (b"X-Hop", b"1"),
        (b"Link", b"<a>"),
        (b"Link", b"<b>"),
        (b"ETag", b'"e"'),
    ]
    assert answer_headers(answer, "http://10.0.0.1:80") == [(b"link", b"<a>"), (b"link", b"<b>"), (b"etag", b'"e"')]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v1/sessions/a.b", "/v1/sessions/a.b"),
        ("http://10.0.0.1:80/docs/", "/docs/"),
        ("http://10.0.0.1:80", "/"),
        ("http://10.0.0.1:8080/", "http://10.0.0.1:8080/"),
        ("https://elsewhere.example/", "https://elsewhere.example/"),
    ],
)
def test_no_address_of_a_replica_gets_out(location: str, expected: str) -> None:
    [(_, value)] = answer_headers([(b"Location", location.encode())], "http://10.0.0.1:80")
    assert value.decode() == expected


@pytest.mark.parametrize(
    ("query", "body", "latency"),
    [
        (b"latency=low&avatar=x", b"v=0", "low"),
        (b"", b"v=0", None),
        (b"", b'{"latency":"balanced"}', "balanced"),
        (b"", b'{"sdp":"v=0","requestData":{"latency":"low"}}', "low"),
        (b"", b'{"body":{"latency":"low"}}', "low"),
        (b"", b'{"latency":7}', None),
        (b"", b'{"latency":', None),
        (b"", b"[" * 5000, None),
        (b"", None, None),
    ],
)
def test_what_an_offer_asks_for(query: bytes, body: bytes | None, latency: str | None) -> None:
    assert latency_of(query, body) == latency


def test_whose_connection_it_is() -> None:
    assert connection_of(b'{"pc_id":"r1.abc"}') == "r1"
    for other in (b'{"pc_id":"abc"}', b'{"pc_id":null}', b"{}", b"no json", None):
        assert connection_of(other) is None


def pages() -> dict[str, str]:
    found = {}
    for name, count in (("a", 3), ("b", 4)):
        metrics = Metrics()
        metrics.opened.inc(count)
        metrics.closed.labels('odd "reason"\n').inc()
        metrics.playout.generate.observe(0.01 * count)
        found[name] = metrics.render().decode()
    return found


def test_figures_of_all_replicas_can_be_read_and_nothing_is_added_up() -> None:
    directory = MemoryDirectory([Replica("a", "http://a"), Replica("b", "http://b"), Replica("c", "http://c")])
    page = merge(pages(), directory.replicas())
    families = {family.name: family for family in text_string_to_metric_families(page)}
    single = {family.name: family for family in text_string_to_metric_families(pages()["a"])}
    assert families.keys() == single.keys() | {"livehead_replica_up", "livehead_replicas"}
    for name, family in single.items():
        assert (families[name].type, families[name].documentation) == (family.type, family.documentation)
        mine = [each for each in families[name].samples if each.labels["replica"] == "a"]
        assert [(each.name, {k: v for k, v in each.labels.items() if k != "replica"}) for each in mine] == [
            (each.name, each.labels) for each in family.samples
        ]
    assert page.count("# TYPE livehead_sessions_opened_total ") <= 1
    opened = {
        each.labels["replica"]: each.value
        for each in families["livehead_sessions_opened"].samples
        if "total" in each.name
    }
    assert opened == {"a": 3, "b": 4}
    up = {each.labels["replica"]: each.value for each in families["livehead_replica_up"].samples}
    assert up == {"a": 1, "b": 1, "c": 0}
    assert all(math.isfinite(each.value) for each in families["livehead_generate_seconds"].samples)


def test_a_replica_that_is_replaced_takes_no_count_back() -> None:
    """Its series end; nobody's falls."""
    told = pages()
    before = merge(told, [Replica("a", ""), Replica("b", "")])
    after = merge({"b": told["b"]}, [Replica("b", ""), Replica("d", "")])
    for line in after.splitlines():
        if 'replica="b"' in line and "_total" in line:
            assert line in before


def test_the_fleet_as_one_server() -> None:
    there = [
        Replica("a", "", reading=reading(12)),
        Replica("b", "", reading=reading(24, refusal="full")),
        Replica("c", "", "draining", reading(12)),
        Replica("d", "", "starting"),
    ]
    info = fleet_info({"version": "1", "sessions": {}}, there)
    assert info["version"] == "1"
    assert (info["sessions"]["active"], info["sessions"]["max"]) == (0, 36)
    assert info["sessions"]["by_preset"]["low"] == {"active": 0, "max": 12, "room": 12}
    assert [each["state"] for each in info["replicas"]] == ["ready", "ready", "draining", "starting"]
    assert readiness(there, {}) is None


@pytest.mark.parametrize(
    ("replicas", "reason"),
    [
        ([], "starting"),
        ([Replica("a", "", "starting")], "starting"),
        ([Replica("a", "")], "engine-down"),
        ([Replica("a", "", "draining", reading(6))], "draining"),
        ([Replica("a", "", reading=reading(6, refusal="engine-down")), Replica("b", "", "draining")], "engine-down"),
        ([Replica("a", "", "starting"), Replica("b", "", reading=reading(6, Counter(throughput=6), "full"))], "full"),
    ],
)
def test_why_there_is_no_room(replicas: list[Replica], reason: str) -> None:
    refusal = readiness(replicas, {})
    assert refusal is not None
    assert refusal.problem == reason


def test_replicas_by_hand() -> None:
    assert read_replicas("a=http://10.0.0.1:8080/, b=https://b.example") == {
        "a": "http://10.0.0.1:8080",
        "b": "https://b.example",
    }
    for wrong in ("", "a", "A=http://x", "a=ftp://x", "a=http://x,a=http://y", "a=http://me:pw@x"):
        with pytest.raises(UsageError):
            read_replicas(wrong)


class StuckLine:
    """A replica that reads nothing."""

    async def send(self, _: object) -> None:
        await asyncio.Future()

    async def recv(self) -> str:
        return await asyncio.Future()

    async def close(self, code: int, reason: str) -> None:
        pass


async def test_a_client_is_held_back_where_the_replica_reads_nothing() -> None:
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "websocket.receive", "bytes": b"speech"}

    joined = asyncio.create_task(join(ClientSocket(receive, receive), StuckLine()))  # type: ignore[arg-type]
    for _ in range(20):
        await asyncio.sleep(0)
    assert read == 1
    joined.cancel()
    await asyncio.wait([joined])


async def test_a_body_is_read_as_it_is_passed_on_and_only_so_far() -> None:
    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": bytes(1_000_000), "more_body": True}

    read = 0
    body = RequestBody(receive)  # type: ignore[arg-type]
    assert await body.read_opening() is None  # no offer is as large
    assert read == 1
    sizes = [len(each) async for each in until_refused(body)]
    assert body.begun
    assert (sum(sizes), read) == (128_000_000, 129)


async def until_refused(body: RequestBody) -> AsyncIterator[bytes]:
    with contextlib.suppress(TooLargeError):
        async for each in body.chunks():
            yield each
