"""One record is one line, whatever clients sent."""

from __future__ import annotations

import logging
import sys
import unicodedata

import pytest

from livehead.log_writing.lines import MAX_MESSAGE, MAX_TRACE, escape, render, take_down

KEY = "lh_" + "k" * 43


def record(message: object, *args: object, error: BaseException | None = None, **extra: object) -> logging.LogRecord:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("livehead.x", logging.WARNING, "x.py", 1, message, args, exc_info)
    vars(made).update(extra)
    return made


def text_of(message: object, *args: object, error: BaseException | None = None, **extra: object) -> str:
    return render(take_down(record(message, *args, error=error, **extra)))


def thrown(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - whatever a test throws
        return caught


def test_a_line_says_when_how_bad_who_and_what() -> None:
    time, level, name, text = (
        text_of("hello %s", "there").split(" ", 4)[1:2] + text_of("hello %s", "there").split(" ", 4)[2:]
    )
    assert (level, name, text) == ("W", "livehead.x:", "hello there\n")
    assert len(time) == len("07:26:47,123")


FORGED = "2026-01-31 12:00:00,000 I livehead.access.audit: all is well"


@pytest.mark.parametrize(
    "separator", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
def test_no_line_break_gets_through(separator: str) -> None:
    for text in (
        text_of(f"x{separator}{FORGED}"),
        text_of("x%s", separator + FORGED),
        text_of("%r", separator + FORGED),
    ):
        assert len(text.splitlines()) == 1
        assert text.endswith(("all is well\n", "all is well'\n"))


def test_nor_what_moves_a_cursor_hides_or_turns_text_around() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    shown = escape(everything)
    bad = [
        c
        for c in shown
        if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")
        or unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    ]
    assert bad == []
    assert escape("\x1b[2J\u202egnp\u200b\udcff") == "\\x1b[2J\\u202egnp\\u200b\\udcff"
    assert escape("Ingrid Bergström, 日本語 🙂") == "Ingrid Bergström, 日本語 🙂"


def test_a_traceback_keeps_its_lines_and_forges_none() -> None:
    text = text_of("it failed", error=thrown(ValueError(f"bad\n{FORGED}\r{FORGED}\u2028{FORGED} {KEY}")))
    first, *rest = text.splitlines()
    assert first.endswith("W livehead.x: it failed")
    assert rest[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in rest)
    assert "    raise error" in text  # with the lines of the source
    assert "test_log_lines.py" in text
    assert KEY not in text


def test_a_traceback_that_came_from_another_process_is_treated_alike() -> None:
    text = text_of("generator gave up", trace=f"Traceback\n  File x\nValueError: {KEY}\n{FORGED}")
    assert text.splitlines()[1:] == ["  Traceback", "    File x", "  ValueError: [redacted]", f"  {FORGED}"]


def test_a_chain_of_errors_is_told() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as cause:
            raise ValueError("second") from cause
    except ValueError as error:
        text = text_of("x", error=error)
    assert "KeyError: 'first'" in text
    assert "direct cause" in text


def test_lengths_are_bounded() -> None:
    assert len(text_of("%s", "a b" * 10**6)) < MAX_MESSAGE + 200
    text = text_of("x", error=thrown(ValueError("a\nb" * 10**6 + " the end")))
    assert len(text) < 2 * MAX_TRACE
    assert text.endswith(" the end\n")

    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        raise RecursionError

    with pytest.raises(RecursionError) as caught:
        deep(500)
    assert len(text_of("x", error=caught.value)) < 2 * MAX_TRACE


@pytest.mark.parametrize("before", range(MAX_MESSAGE - 60, MAX_MESSAGE + 60, 7))
@pytest.mark.parametrize("after", [0, 30, MAX_MESSAGE - 20])
def test_no_secret_is_cut_in_two(before: int, after: int) -> None:
    secret = "lh_" + "0123456789abcdef" * 3
    text = text_of("%s", "x " * (before // 2) + secret[:46] + " y" * (after // 2))
    assert "123456" not in text


def test_a_message_that_cannot_be_filled_in_says_so() -> None:
    assert "'%d is %s' could not be filled in: TypeError" in text_of("%d is %s", "x", "y")

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "RuntimeError" in text_of("%s", Broken())


def test_arguments_are_read_where_they_are_logged() -> None:
    things = [1]
    entry = take_down(record("%s", things))
    things.append(2)
    assert render(entry).endswith(": [1]\n")


def test_what_was_left_out_is_told_before_the_line() -> None:
    lines = render(take_down(record("x"), dropped=1234, alike=5678)).splitlines()
    assert "1,234 lines before this one were dropped" in lines[0]
    assert "… and 5,678 more like it" in lines[1]
    assert lines[2].endswith(": x")
