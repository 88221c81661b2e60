"""One target under atheris, which keeps every input that reaches new code: ``python -m fuzz.engine NAME FOLDER …``.

FOLDER keeps the inputs found and, in ``slowest``, the one that took longest. The rest are options of libFuzzer. A
process drives one target: the engine ends it.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import atheris

from fuzz.target import load

INSTRUMENTED = ["livehead", "aiortc.sdp", "aiortc.rtp", "aiortc.rtcsctptransport", "fuzz.targets"]


MAX_LENGTH = 4096
"""Bytes of the inputs here: what is longer reaches no other code, and takes its time. The search for the slowest input
knows no such bound."""


def main(name: str, folder: Path, *options: str) -> None:
    with atheris.instrument_imports(include=INSTRUMENTED):
        target = load(name)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    slowest = 0.0

    def test(data: bytes) -> None:
        nonlocal slowest
        began = time.thread_time()
        target.run(data)
        took = time.thread_time() - began
        if took > slowest:
            slowest = took
            (folder / "slowest").write_bytes(data)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.4:
            return bytes(atheris.Mutate(data, most))[:most]
        return target.variant(data, chance, most)

    arguments = [
        sys.argv[0],
        *options,
        f"-max_len={min(target.limit, MAX_LENGTH)}",
        f"-artifact_prefix={folder}/",
        "-timeout=20",
        "-rss_limit_mb=3000",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup(arguments, test, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
