"""Options: one declaration gives parsing, help, and the environment variable."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from livehead.commands.options import (
    Choice,
    Number,
    Option,
    Whole,
    Wholes,
    add_options,
    add_settings,
    existing_file,
    read,
    web_address,
)
from livehead.errors import UsageError
from livehead.settings import load

OPTIONS = (
    Option("seconds", "S", "how long", Number(3, 60), 20.0),
    Option("size", "N", "how large", Whole(64, 1024, 32), 512),
    Option("batch", "N,…", "how many", Wholes(64, "auto"), unset="default: all"),
    Option("dtype", "TYPE", "which type", Choice(("bfloat16", "float32")), "bfloat16"),
    Option("audio", "FILE", "what to say", existing_file),
    Option("url", "URL", "where", web_address),
    Option("churn", "S", "how often", Number(0.1, 60), bare="1"),
)


def parsed(*argv: str, options: tuple[Option, ...] = OPTIONS) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser, options)
    return read(parser.parse_args(argv), options)


def test_without_options_there_are_the_defaults() -> None:
    values = vars(parsed())
    assert values == {
        "seconds": 20.0,
        "size": 512,
        "batch": None,
        "dtype": "bfloat16",
        "audio": None,
        "url": None,
        "churn": None,
    }


def test_values_are_parsed(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.touch()
    values = parsed("--seconds", "3.5", "--size", "96", "--batch", "1,4", "--audio", str(file), "--churn")
    assert (values.seconds, values.size, values.batch, values.audio) == (3.5, 96, (1, 4), file)
    assert values.churn == 1.0
    assert parsed("--batch", "auto").batch == ()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--seconds", "2"), "--seconds 2: expected a number from 3 to 60"),
        (("--seconds", "nan"), "expected a number"),
        (("--size", "100"), "a multiple of 32"),
        (("--size", "64.0"), "a whole number"),
        (("--batch", "1,65"), "auto, or whole numbers from 1 to 64"),
        (("--dtype", "int8"), "bfloat16 or float32"),
        (("--audio", "/none.wav"), "a file that exists"),
        (("--url", "ftp://a"), "http://"),
        (("--churn", "0"), "0.1 to 60"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(argv: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parsed(*argv)


def test_the_environment_is_read_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEHEAD_SECONDS", "30")
    assert parsed().seconds == 30
    assert parsed("--seconds", "40").seconds == 40
    monkeypatch.setenv("LIVEHEAD_SECONDS", "soon")
    with pytest.raises(UsageError, match="LIVEHEAD_SECONDS soon"):
        parsed()
    monkeypatch.setenv("LIVEHEAD_SECONDS", "")
    assert parsed().seconds == 20


def test_what_is_required_and_missing_is_said() -> None:
    option = Option("out", "FILE", "video file to write", Path, required=True)
    with pytest.raises(UsageError, match="--out is missing: video file to write"):
        parsed(options=(option,))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seconds", "how long (3 to 60; default: 20)"),
        ("size", "how large (64 to 1024, a multiple of 32; default: 512)"),
        ("batch", "how many (each 1 to 64; default: all)"),
        ("dtype", "which type (bfloat16 or float32; default: bfloat16)"),
        ("audio", "what to say"),
    ],
)
def test_help_lists_the_allowed_values_and_the_default(name: str, words: str) -> None:
    (option,) = (each for each in OPTIONS if each.name == name)
    assert option.help == words


def test_settings_list_their_allowed_values_too() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, ["engine", "port", "size", "host"])
    actions: dict[str, Any] = {action.dest: action for action in parser._actions}
    assert actions["engine"].choices == ("auto", "preview", "flashhead")
    assert "(0 to 65535; default: 8080)" in actions["port"].help
    assert "(64 to 1024, a multiple of 32; default: 512)" in actions["size"].help
    assert "(default: 127.0.0.1)" in actions["host"].help


def test_an_empty_variable_of_a_setting_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEHEAD_PORTRAIT", "")
    monkeypatch.setenv("LIVEHEAD_MAX_SESSIONS", "")
    settings = load({})
    assert (settings.store.portrait, settings.sessions.max_sessions) == (None, None)
