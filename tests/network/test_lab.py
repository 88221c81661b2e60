"""The links do what they are told, and nothing of them is left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import SERVER, Lab, laboratory
from namespaces import FOLDER, PREFIX, UnavailableError, namespaces
from tun_link import Weather

PORT = 5000


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    try:
        with laboratory(["a", "b"], seed=1) as made:
            yield made
    except UnavailableError as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")


def sockets(lab: Lab, link: str) -> tuple[socket.socket, socket.socket]:
    """One at the server, and one at the other end of the link that sends to it."""
    with lab.inside(SERVER):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((lab.host(link), PORT))
    with lab.inside(link):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((lab.host(link), PORT))
    server.settimeout(0.5)
    return server, client


def came(server: socket.socket) -> list[tuple[int, float]]:
    """Numbers of the packets that come, and when."""
    found = []
    try:
        while True:
            found.append((int(server.recv(100)), time.monotonic()))
    except TimeoutError:
        return found


def send(client: socket.socket, count: int) -> float:
    began = time.monotonic()
    for number in range(count):
        client.send(b"%d" % number)
        time.sleep(0.001)
    return began


@pytest.mark.parametrize(
    ("weather", "least", "most", "in_order"),
    [
        (Weather(), 200, 200, True),
        (Weather(loss=1.0), 0, 0, True),
        (Weather(loss=0.3), 110, 170, True),
        (Weather(duplicate=0.3), 230, 290, False),
        (Weather(delay_ms=30), 200, 200, True),
        (Weather(reorder=0.1), 200, 200, False),
        (Weather(delay_ms=20, jitter_ms=10), 200, 200, False),
    ],
    ids=str,
)
def test_weather(lab: Lab, weather: Weather, least: int, most: int, in_order: bool) -> None:
    server, client = sockets(lab, "a")
    with server, client:
        lab.set("a", weather)
        began = send(client, 200)
        found = came(server)
        count = lab.set("a", Weather())
        numbers = [number for number, _ in found]
        assert least <= len(numbers) <= most
        assert (numbers == sorted(set(numbers))) == in_order
        assert count.passed + count.lost >= 200
        if found:
            assert found[0][1] - began >= (weather.delay_ms - weather.jitter_ms) / 1000


def test_a_rate(lab: Lab) -> None:
    server, client = sockets(lab, "b")
    with server, client:
        lab.limit("b", kbit=1000, queue_ms=50)
        for _ in range(100):
            client.send(b"1".zfill(1000))
        assert 4 <= len(came(server)) <= 30
        lab.unlimit("b")
        for _ in range(50):
            client.send(b"1".zfill(1000))
        assert len(came(server)) == 50


def test_links_do_not_meet(lab: Lab) -> None:
    with lab.inside("a"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, pytest.raises(OSError):
        client.connect((lab.host("b"), PORT))


def test_nothing_is_left_behind(lab: Lab) -> None:
    before = set(FOLDER.glob(f"{PREFIX}-*"))
    with pytest.raises(RuntimeError, match="failed"), namespaces("left-behind"):  # noqa: PT012
        assert set(FOLDER.glob(f"{PREFIX}-*")) != before
        raise RuntimeError("failed")
    assert set(FOLDER.glob(f"{PREFIX}-*")) == before


def test_what_a_killed_run_left_is_taken_away(lab: Lab) -> None:
    program = "from namespaces import namespaces\nimport os\nwith namespaces('x'): os._exit(9)"
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    )
    process.wait()
    left = FOLDER / f"{PREFIX}-{process.pid}-0-x"
    assert left.exists()
    with namespaces("next"):
        assert not left.exists()
