"""The callers of a phase: connected before it, measured during it. They are the clients of ``bench latency``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

from livehead.bench.attack.phase import CallerFigures
from livehead.bench.latency.client import CONNECT_S, ClientSpec, MeasuredSpan
from livehead.bench.latency.client_processes import ClientProcess, await_clients, client_processes
from livehead.bench.latency.evaluation import evaluate
from livehead.bench.latency.recorders.recording import Recording
from livehead.bench.usage import usage
from livehead.errors import LiveheadError

IMPORT_S = 60.0
STAGGER_S = 0.3
WARM_UP_S = 4.0
SPARE_AUDIO_S = 30.0
END_S = 40.0


class Callers:
    """``begins`` and ``ends`` are the measured span in monotonic seconds."""

    def __init__(self, clients: Sequence[ClientProcess], specs: Sequence[ClientSpec], seconds: float) -> None:
        self._clients = clients
        self._specs = specs
        self._done: dict[int, Recording] = {}
        await_clients(clients, self._done, "ready", IMPORT_S)
        for number, client in enumerate(clients):
            if number not in self._done:
                client.pipe.send("go")
                time.sleep(STAGGER_S)
        await_clients(clients, self._done, "live", CONNECT_S + 10)
        self.begins = time.monotonic() + WARM_UP_S
        self.ends = self.begins + seconds
        for number, client in enumerate(clients):
            if number not in self._done:
                client.pipe.send(MeasuredSpan(self.begins, self.ends))

    @property
    def cpu_s(self) -> float:
        return sum(usage(client.process.pid).cpu_s for client in self._clients)

    def finish(self) -> list[CallerFigures]:
        """Blocks until all have ended."""
        await_clients(self._clients, self._done, None, END_S)
        return [_figures(self._done[number], spec) for number, spec in enumerate(self._specs)]


@contextlib.contextmanager
def callers(url: str, key: str, number: int, preset: str, seconds: float) -> Iterator[Callers]:
    """So many calls, connected and warmed up when their span begins."""
    audio_s = seconds + WARM_UP_S + SPARE_AUDIO_S
    specs = [ClientSpec(url, preset, None, audio_s, 0.0, 0.0, seed, key=key) for seed in range(1, number + 1)]
    with client_processes(specs) as clients:
        yield Callers(clients, specs, seconds)


def _figures(recording: Recording, spec: ClientSpec) -> CallerFigures:
    if recording.error is not None:
        return CallerFigures(error=recording.error)
    try:
        call = evaluate(recording, spec.stimulus, same_clock=True)
    except LiveheadError as error:
        shown = {seen.k for seen in recording.frames if recording.begins <= seen.decoded < recording.ends}
        fps = round(len(shown - {None}) / (recording.ends - recording.begins), 2)
        return CallerFigures(fps=fps, error=str(error))
    return CallerFigures(
        latency_ms=call.latency,
        fps=round(sum(call.fps) / len(call.fps), 2) if call.fps else 0.0,
        worst_second=min(call.fps, default=0),
        freezes=call.freezes,
        repeated=call.counts.get("repeated", 0),
    )
