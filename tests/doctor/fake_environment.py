"""A machine made of words: what commands say, what files hold, which servers answer. Without a card by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livehead.doctor.environment import Environment, Outcome
from livehead.errors import EngineError
from livehead.media.relay_probe import Address, Allocation
from livehead.vendor.interpreter import Interpreter

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

CPU = {
    "torch": "2.8.0+cpu",
    "cuda": None,
    "error": None,
    "device": "cpu",
    "chosen": "sdpa",
    "attention": ["sdpa"],
    "abi": True,
    "flash_attn": None,
}
CARD = CPU | {
    "torch": "2.8.0+cu128",
    "cuda": "12.8",
    "device": "Some Card",
    "memory_gb": [78.0, 80.0],
    "sms": 132,
    "capability": [9, 0],
    "attention": ["cudnn", "sdpa"],
}


@dataclass
class FakeEnvironment(Environment):
    """``commands`` by their first words, joined; the longest that fits answers, and any other is not installed.
    ``answers`` of servers by address: what they give, or the error that is raised."""

    commands: Mapping[str, Outcome] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=lambda: {"cc": "/usr/bin/cc"})
    files: Mapping[str, str] = field(default_factory=dict)
    tree: Mapping[str, Sequence[str]] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    modules: Sequence[str] = ("torch",)
    wanted: Sequence[str] | None = ()
    devices: int = 0
    cards: int = 0
    torch: Mapping[str, Any] | EngineError = field(default_factory=lambda: CPU)
    clock: bool | None = True
    disk: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    read_only: bool = False
    core_count: float = 8.0
    memory_free_gb: float = 16.0
    own: Sequence[str] = ("127.0.0.1", "192.0.2.7")
    mapped: Mapping[str, Address | Exception] = field(default_factory=dict)
    relays: Mapping[str, Sequence[Allocation | Exception]] = field(default_factory=dict)
    here: Interpreter = field(default_factory=lambda: Interpreter("cp312", "linux_x86_64"))
    ran: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, tuple[str | None, int] | None]] = field(default_factory=list)

    def run(self, *command: str, seconds: float = 10.0) -> Outcome:
        line = " ".join(command)
        self.ran.append(line)
        fits = [words for words in self.commands if line.startswith(words)]
        return self.commands[max(fits, key=len)] if fits else Outcome(None)

    def find(self, program: str) -> str | None:
        return self.programs.get(program)

    def read(self, path: str | Path) -> str | None:
        return self.files.get(str(path))

    def exists(self, path: str | Path) -> bool:
        return str(path) in self.files

    def folders(self, path: Path) -> Sequence[str]:
        return self.tree.get(str(path), ())

    def writable(self, path: Path) -> bool:
        return not self.read_only

    def disk_gb(self, path: Path) -> tuple[float, float]:
        return self.disk.get(str(path), (100.0, 200.0))

    def now(self) -> datetime:
        return NOW

    def clock_synchronised(self) -> bool | None:
        return self.clock

    def cores(self) -> float:
        return self.core_count

    def free_memory_gb(self) -> float:
        return self.memory_free_gb

    def version(self, distribution: str) -> str | None:
        return self.packages.get(distribution)

    def requirements(self) -> Sequence[str] | None:
        return self.wanted

    def has_module(self, name: str) -> bool:
        return name in self.modules

    def python(self) -> Interpreter:
        return self.here

    def cuda_devices(self) -> int:
        return self.devices

    def cuda_version(self) -> int | None:
        return 12_080 if self.devices else None

    def nvidia_cards(self) -> int:
        return self.cards

    def addresses(self) -> Sequence[str]:
        return self.own

    def reflect(self, url: str) -> Address:
        found = self.mapped[url]
        if isinstance(found, Exception):
            raise found
        return found

    def allocate(
        self, url: str, username: str, password: str, back_to: tuple[str | None, int] | None = None
    ) -> Allocation:
        """The answers of an address one after the other; the last one stays."""
        before = sum(each[0] == url for each in self.asked)
        self.asked.append((url, username, back_to))
        found = self.relays[url][min(before, len(self.relays[url]) - 1)]
        if isinstance(found, Exception):
            raise found
        return found

    def survey(self, device: str, seconds: float = 60.0) -> dict[str, Any]:
        if isinstance(self.torch, EngineError):
            raise self.torch
        return dict(self.torch)
