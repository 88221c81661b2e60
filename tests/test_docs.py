"""The docs say what the code does: settings, options, metrics, figures and errors are those that there are."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic_settings import BaseSettings

from livehead import settings
from livehead.cli import build_parser
from livehead.core.limits import MAX_MESSAGE
from livehead.core.messages.from_server import Stats
from livehead.core.speech.playback_log import REPORTS_S, SHOWN_WAIT_S
from livehead.core.speech.queue import MAX_S, MAX_UTTERANCES, QUEUE_S
from livehead.engine.preview.generator import PreviewGenerator
from livehead.errors import LiveheadError
from livehead.sessions.sources.speaker import MAX_RATE, MIN_RATE, READ_SPEED
from livehead.transport.websocket_protocol import MAX_SPEECH
from pages import ROOT, each_text
from series import catalogue

STAGES = [
    stage
    for stage in vars(settings).values()
    if isinstance(stage, type) and issubclass(stage, BaseSettings) and stage.__module__ == settings.__name__
]


def rows() -> dict[str, tuple[str, str]]:
    """Name → (default, meaning), read from the tables of docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text()
    found = re.findall(r"^\| `(LIVEHEAD_\w+)` \| (.*?) \| (.*?) \|$", text, flags=re.MULTILINE)
    return {name: (default.strip("`"), meaning) for name, default, meaning in found}


def fields() -> dict[str, tuple[str, str]]:
    result = {}
    for stage in STAGES:
        for name, field in stage.model_fields.items():
            default = field.default
            shown = "" if default is None else json.dumps(default) if isinstance(default, tuple) else str(default)
            result[f"LIVEHEAD_{name.upper()}"] = (shown, field.description or "")
    return result


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    assert rows() == fields()


@each_text
def test_settings_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"LIVEHEAD_[A-Z_]*[A-Z]", page.read_text()))
    assert named - fields().keys() - {"LIVEHEAD_KEY"} == set()  # which is no setting: a client of examples/ reads it


@each_text
def test_metrics_that_are_named_exist(page: Path) -> None:
    exported = {each.name for each in catalogue.all_series()}
    named = set(re.findall(r"`(livehead_[a-z_]+)`", page.read_text()))
    assert named - exported == set()


def first_column(page: str, heading: str) -> set[str]:
    """The code spans in the first column of the tables under a heading."""
    section = (ROOT / page).read_text().partition(f"# {heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, flags=re.MULTILINE)
    assert cells, f"no table under {heading} in {page}"
    return {name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)}


def test_layers_that_are_drawn_are_those_that_are_checked() -> None:
    drawn = re.search(
        r"\n\n((?:    [\w |:]+\n)+)", (ROOT / "docs/architecture.md").read_text().partition("Imports point")[2]
    )
    assert drawn is not None
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    assert [line.strip() for line in drawn[1].splitlines()] == [layer for layer in layers if layer != "__main__"]


def test_every_reason_for_the_end_of_a_session_is_documented() -> None:
    documented = first_column("docs/protocol/sockets.md", "Open a session on the signal socket")
    package = ROOT / "server/livehead"
    found: set[str] = set()
    for rules in ("viewers/liveness", "lifetime", "portrait/portrait"):
        found |= set(re.findall(r'return "([\w-]+)"', (package / f"sessions/{rules}.py").read_text()))
    for file in [*(package / "sessions").rglob("*.py"), *(package / "api").rglob("*.py")]:
        found |= set(re.findall(r'\.end\("([\w-]+)"\)', file.read_text()))
    assert documented == found


def test_limits_that_are_stated_hold() -> None:
    sockets = (ROOT / "docs/protocol/sockets.md").read_text()
    assert f"messages of at most {MAX_MESSAGE // 1024} KiB" in sockets
    assert f"at most {MAX_SPEECH // 2**20} MiB" in sockets
    assert f"takes {QUEUE_S:.0f} seconds of speech" in sockets
    assert f"reads on at {READ_SPEED:.0f} times" in sockets
    assert f"{MAX_S:.0f} seconds or {MAX_UTTERANCES} utterances" in sockets
    assert f"{SHOWN_WAIT_S:g} s at most" in sockets
    assert f"reports nothing for {REPORTS_S:g} s" in " ".join((ROOT / "docs/protocol/figures.md").read_text().split())
    assert f"({MIN_RATE} … {MAX_RATE})" in sockets


def test_presets_of_the_preview_engine_are_documented() -> None:
    latency = (ROOT / "docs/latency.md").read_text()
    for name, preset in PreviewGenerator(64).info.presets.items():
        assert f"| `{name}` | {preset.hop}, {preset.lookahead}, {preset.max_delay_ms} ms |" in latency


def test_every_figure_of_a_session_is_documented() -> None:
    documented = first_column("docs/protocol/figures.md", "Figures")
    assert documented == {field.name for field in dataclasses.fields(Stats)}


def test_figures_of_the_benchmark_that_are_named_exist() -> None:
    source = "".join(file.read_text() for file in (ROOT / "server/livehead/bench").rglob("*.py"))
    named = first_column("docs/performance/live-sessions.md", "What the figures mean")
    named |= first_column("docs/performance/engine.md", "Engine")
    listed = (ROOT / "docs/latency.md").read_text().partition("### What the figures mean")[2]
    named |= set(re.findall(r"`(\w+)`(?=[:,])", listed))
    counted = {"repeated", "dropped", "skipped"}  # by the server, under the names of its own figures
    assert {name for name in named - counted if f'"{name}"' not in source} == set()
    assert counted <= {field.name for field in dataclasses.fields(Stats)}


@each_text
def test_problems_that_are_quoted_exist(page: Path) -> None:
    problems = {(f"urn:livehead:{each.problem}", each.title, each.status) for each in all_errors(LiveheadError)}
    quoted = re.findall(r'"type": "(urn:livehead:[\w-]+)", "title": "(.*?)", "status": (\d+)', page.read_text())
    assert {(name, title, int(status)) for name, title, status in quoted} - problems == set()


def all_errors(kind: type[LiveheadError]) -> Iterator[type[LiveheadError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from all_errors(each)


@each_text
def test_commands_that_are_named_exist(page: Path) -> None:
    """Lines of code and code spans that begin with ``livehead``: subcommands and options."""
    text = page.read_text()
    lines = re.findall(r"^    (?:\.venv/bin/)?(livehead [^#\n]+)", text, flags=re.MULTILINE)
    lines += re.findall(r"`(?:\.venv/bin/)?(livehead [^`]+)`", text)
    unknown = [line for line in lines if not understood(line.replace("\n", " "))]
    assert unknown == []


def understood(line: str) -> bool:
    parser: argparse.ArgumentParser = build_parser()
    for word in shlex.split(line)[1:]:
        if word.startswith("--"):
            if word.partition("=")[0] not in parser._option_string_actions:
                return False
        elif subparsers := [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]:
            if word not in subparsers[0].choices:
                return False
            parser = subparsers[0].choices[word]
    return True
