"""Who asks for a worker in reserve, gets one."""

from __future__ import annotations

import pytest

from livehead.app import wants_standby
from livehead.cli import build_parser
from livehead.commands.options import settings_from
from livehead.errors import UsageError


@pytest.mark.parametrize(
    ("environment", "words", "standby"),
    [
        ("", [], None),
        ("", ["--standby"], True),
        ("", ["--no-standby"], False),
        ("1", [], True),
        ("off", [], False),
        ("no", ["--standby"], True),
        ("", ["--memory", "8"], False),  # that is for one
        ("", ["--memory", "8", "--standby"], True),
    ],
)
def test_option_and_environment(
    environment: str, words: list[str], standby: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment:
        monkeypatch.setenv("LIVEHEAD_STANDBY", environment)
    settings = settings_from(build_parser().parse_args(["serve", *words]))
    assert wants_standby(settings.engine) is standby


def test_what_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEHEAD_STANDBY", "perhaps")
    with pytest.raises(UsageError, match="LIVEHEAD_STANDBY"):
        settings_from(build_parser().parse_args(["serve"]))
