"""What goes wrong on purpose, when, and how long the server took to be well again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import httpx
import psutil

from livehead.bench.soak.metrics import read_metrics
from livehead.bench.soak.workers import workers
from livehead.errors import LiveheadError

FaultKind: TypeAlias = Literal["worker-killed", "bad-requests", "client-killed", "worker-hung", "overload"]

KINDS: tuple[FaultKind, ...] = ("worker-killed", "bad-requests", "client-killed", "overload", "worker-hung")
WORKER: tuple[FaultKind, ...] = ("worker-killed", "worker-hung")
"""These are the only ones that pictures may stand still for."""

TAKES_OVER_S = 1.0
"""Within so long there are pictures again where a worker in reserve takes over."""

NOTICED_S = 6.5
"""A worker that hangs is noticed within so long, when it has been silent for LIVEHEAD_HEARTBEAT_SECONDS, which is 5."""

FIRST_S = 10.0
APART_S = (10.0, 60.0)
"""Between two faults, at least and at most."""

WHOLE_S = 180.0
"""The worker's faults wait so long for the one in reserve to be ready again."""

HOLD_S = 2.0
MOST_SESSIONS = 200
BURST = 4
"""Times that all the bad requests are made."""

LOOK_S = 0.1
ASK_S = 15.0


@dataclass(frozen=True, slots=True)
class Fault:
    """``begins`` is monotonic seconds. ``seconds`` is how long until all was well again, None where it never was, which
    for bad requests and killed clients is how long the server took to answer then; ``within`` how long it may take.
    ``wrong`` says what should not have been."""

    kind: FaultKind
    begins: float
    within: float
    seconds: float | None
    wrong: str | None = None

    @property
    def excuses_until(self) -> float:
        """Until when pictures may stand still for it."""
        return self.begins + self.within if self.kind in WORKER else self.begins

    @property
    def over(self) -> float:
        return self.begins + (self.within if self.seconds is None else self.seconds)


class FaultThrower:
    """Throws one after the other in a thread of its own, of each kind one before another one of it, in an order that
    the seed decides. ``restart_s`` is how long a worker may take to start where there is none in reserve;
    ``kill_client`` kills one of the clients."""

    def __init__(
        self,
        url: str,
        pid: int,
        *,
        seed: int,
        seconds: float,
        restart_s: float,
        patience: float,
        kill_client: Callable[[random.Random], None],
        say: Callable[[str], None],
    ) -> None:
        self.thrown: list[Fault] = []
        self._url = url
        self._pid = pid
        self._chance = random.Random(f"{seed} faults")
        self._apart = min(max(seconds / (len(KINDS) + 3), APART_S[0]), APART_S[1])
        self._restart_s = restart_s
        self._patience = patience
        self._kill_client = kill_client
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="faults")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The fault that is under way is waited for. Twice is once."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        due = begun + min(FIRST_S, self._apart)
        first = self._chance.randrange(len(KINDS))
        bag: Sequence[FaultKind] = [*KINDS[first:], *KINDS[:first]]
        while True:
            for kind in bag:
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                fault = self._throw(kind)
                self.thrown.append(fault)
                took = "not well again" if fault.seconds is None else f"well again after {fault.seconds:.1f} s"
                self._say(f"{kind}: {fault.wrong or took}")
                due = max(due + self._apart, time.monotonic() + 1)
            bag = self._chance.sample(KINDS, len(KINDS))

    def _throw(self, kind: FaultKind) -> Fault:
        """Of the worker's, the one in use is the oldest: the one in reserve is always younger."""
        within = TAKES_OVER_S
        if kind in WORKER:
            within = TAKES_OVER_S if self._wait_until_whole() else self._restart_s
            within += NOTICED_S if kind == "worker-hung" else 0.0
        within *= self._patience
        begins = time.monotonic()
        seconds: float | None = None
        wrong: str | None = None
        try:
            if kind in WORKER:
                seconds = self._lose_worker(signal.SIGKILL if kind == "worker-killed" else signal.SIGSTOP, within)
            elif kind == "client-killed":
                self._kill_client(self._chance)
                seconds = self._answers()
            elif kind == "bad-requests":
                wrong = self._bad_requests()
                seconds = self._answers()
            else:
                wrong, seconds = self._overload(within)
        except (LiveheadError, httpx.HTTPError, psutil.Error) as error:
            wrong = f"{type(error).__name__}: {error}"
        return Fault(kind, begins, within, seconds, wrong)

    def _wait_until_whole(self) -> bool:
        """Whether there is a worker in reserve."""
        until = time.monotonic() + WHOLE_S * self._patience
        while time.monotonic() < until and not self._stop.is_set():
            found = read_metrics(self._url, None)
            if found is not None and found.whole:
                return found.standby == "ready"
            self._stop.wait(LOOK_S * 5)
        return False

    def _lose_worker(self, how: signal.Signals, within: float) -> float | None:
        there = workers(self._pid)
        if not there:
            return None
        lost = min(there, key=lambda each: each.create_time())
        before = read_metrics(self._url, None)
        begins = time.monotonic()
        os.kill(lost.pid, how)
        while time.monotonic() < begins + within + ASK_S * self._patience:
            found = read_metrics(self._url, None)
            if found and before and found.up and found.lost_workers > before.lost_workers:
                return time.monotonic() - begins
            time.sleep(LOOK_S)
        return None

    def _answers(self) -> float:
        """Seconds until the server has answered that it is well."""
        begins = time.monotonic()
        httpx.get(f"{self._url}/readyz", timeout=ASK_S * self._patience)
        return time.monotonic() - begins

    def _bad_requests(self) -> str | None:
        """What was answered wrongly."""
        with httpx.Client(base_url=self._url, timeout=ASK_S * self._patience) as client:
            for _ in range(BURST):
                for method, path, given, right in BAD_REQUESTS:
                    answer = client.request(method, path, **given)
                    full = answer.status_code == 503 and "retry-after" in answer.headers
                    if answer.status_code not in right and not full:
                        expected = " or ".join(map(str, right))
                        return f"{method} {path} was answered with {answer.status_code} in place of {expected}"
        return None

    def _overload(self, within: float) -> tuple[str | None, float | None]:
        """Sessions until no more fit. What was wrong; and how long it took, once they were ended, until one fits, or
        until /v1/info says that others have taken the room."""
        opened: list[str] = []
        with httpx.Client(base_url=self._url, timeout=ASK_S * self._patience) as client:
            held = client.get("/v1/info").json()["sessions"]["active"]
            try:
                wrong = self._fill(client, opened)
            finally:
                for location in opened:
                    client.delete(location)
            begins = time.monotonic()
            while time.monotonic() < begins + within:
                answer = _open(client)
                if answer.status_code == 201:
                    client.delete(answer.headers["Location"])
                    return wrong, time.monotonic() - begins
                sessions = client.get("/v1/info").json()["sessions"]
                given_back = not opened or sessions["active"] < held + len(opened)
                if given_back and not sessions["by_preset"]["throughput"]["room"]:
                    return wrong, time.monotonic() - begins
                time.sleep(LOOK_S)
        return wrong, None

    def _fill(self, client: httpx.Client, opened: list[str]) -> str | None:
        refused: float | None = None
        while (refused is None or time.monotonic() < refused + HOLD_S) and len(opened) < MOST_SESSIONS:
            answer = _open(client)
            if answer.status_code == 201:
                opened.append(answer.headers["Location"])
                continue
            refused = refused or time.monotonic()
            with contextlib.suppress(ValueError):
                if answer.status_code == 503 and "retry-after" in answer.headers and "full" in answer.json()["type"]:
                    time.sleep(LOOK_S)
                    continue
            return f"a session too many was answered with {answer.status_code} {answer.text[:120]}"
        return None if refused else f"{len(opened)} sessions were let in, and none was refused"


def _open(client: httpx.Client) -> httpx.Response:
    """A session without a peer: it takes a place, and nothing of the engine."""
    return client.post("/v1/sessions", json={"source": "push", "latency": "throughput"})


_SDP = {"Content-Type": "application/sdp"}
BAD_REQUESTS: tuple[tuple[str, str, dict[str, Any], tuple[int, ...]], ...] = (
    ("POST", "/v1/sessions", {"content": b"v=0\r\nthis is no offer\r\n", "headers": _SDP}, (400, 422)),
    ("POST", "/v1/sessions", {"content": b"\xff\x00" * 500, "headers": _SDP}, (400, 422)),
    ("POST", "/v1/sessions", {"content": b"x" * 300_000, "headers": _SDP}, (413,)),
    ("POST", "/v1/sessions", {"content": b"{", "headers": {"Content-Type": "application/json"}}, (400, 422)),
    ("POST", "/v1/sessions", {"json": {"latency": "fastest"}}, (400, 422)),
    ("POST", "/v1/sessions", {"json": {"avatar": "nobody"}}, (404, 422)),
    ("POST", "/v1/sessions", {"content": b"hello", "headers": {"Content-Type": "text/plain"}}, (415,)),
    ("POST", "/whep/none", {"content": b"v=0\r\n", "headers": _SDP}, (400, 404, 422)),
    ("PATCH", "/v1/sessions/none", {"content": b"a=x", "headers": {"Content-Type": "text/plain"}}, (404, 415)),
    ("DELETE", "/v1/sessions/none", {}, (404,)),
    ("GET", "/v1/recordings/..%2f..%2fetc", {}, (404,)),
    ("POST", "/v1/renders", {"files": {"audio": ("a.wav", b"RIFF" * 200)}, "data": {"avatar": "default"}}, (422,)),
    ("POST", "/v1/avatars", {"files": {"image": ("a.png", b"\x89PNG" * 200)}, "data": {"consent": "yes"}}, (415, 422)),
    ("PUT", "/v1/info", {}, (405,)),
)
"""Each with what may be answered."""
