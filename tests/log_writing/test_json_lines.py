"""With LIVEHEAD_LOG_FORMAT=json one record is one object on one line."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from livehead.log_writing.json_lines import JsonRenderer
from livehead.log_writing.lines import MAX_MESSAGE, MAX_TRACE, take_down
from livehead.logs import SessionLog

KEY = "lh_" + "k" * 43
TRACE = "0af7651916cd43dd8448eb211c80319c"


def record(message: object, *args: object, error: BaseException | None = None, **extra: object) -> logging.LogRecord:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("livehead.x", logging.WARNING, "x.py", 1, message, args, exc_info)
    vars(made).update(extra)
    return made


def objects(text: str) -> list[dict[str, Any]]:
    assert text.endswith("\n")
    return [json.loads(line) for line in text[:-1].split("\n")]


def thrown(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - whatever a test throws
        return caught


def test_a_line_says_when_how_bad_who_and_what() -> None:
    (line,) = objects(JsonRenderer()(take_down(record("hello %s", "there", created=1_700_000_000.25))))
    assert line == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "WARNING",
        "logger": "livehead.x",
        "message": "hello there",
    }


def test_a_session_its_trace_and_its_replica_are_fields() -> None:
    logger = logging.getLogger("livehead.test")
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        SessionLog(logger, {"session": "r1.abc", "trace": TRACE}).warning("closed: %s", "bye")
        SessionLog(logger, {"session": "r1.def", "trace": None}).warning("open")
    finally:
        logger.removeHandler(handler)
    traced, untraced = (objects(JsonRenderer("r1")(take_down(each)))[0] for each in found)
    assert (traced["message"], traced["session"], traced["replica"]) == ("closed: bye", "r1.abc", "r1")
    assert traced["trace_id"] == TRACE
    assert "trace_id" not in untraced


def test_an_exception_is_one_field_without_secrets() -> None:
    error = thrown(ValueError(f"no such key: {KEY}\nsecond line"))
    (line,) = objects(JsonRenderer()(take_down(record("it broke, token=%s", "hidden", error=error))))
    assert line["message"] == "it broke, token=[redacted]"
    trace = line["exception"]
    assert trace.startswith("Traceback (most recent call last):\n")
    assert trace.endswith("ValueError: no such key: [redacted]\nsecond line")
    assert KEY not in json.dumps(line)


def test_a_traceback_from_elsewhere_is_one_too_and_both_are_bounded() -> None:
    (line,) = objects(JsonRenderer()(take_down(record("x " * MAX_MESSAGE, trace="y " * MAX_TRACE))))
    assert len(line["message"]) < 1.1 * MAX_MESSAGE
    assert len(line["exception"]) < 1.1 * MAX_TRACE


def test_what_was_left_out_has_lines_of_its_own() -> None:
    dropped, alike, line = objects(JsonRenderer("r1")(take_down(record("x"), dropped=1234, alike=5678)))
    assert "1,234 lines" in dropped["message"]
    assert "5,678 more" in alike["message"]
    assert dropped["replica"] == alike["replica"] == line["replica"] == "r1"


@given(st.text(), st.text())
def test_nothing_breaks_a_line_or_hides_in_it(message: str, trace: str) -> None:
    text = JsonRenderer()(take_down(record("%s", message, trace=trace)))
    if message or trace.strip("\n"):
        assert re.fullmatch(r"[ -~]+\n", text)
        assert len(objects(text)) == 1


def test_every_character_comes_back_as_it_was() -> None:
    everything = "".join(chr(point) for point in range(0x20, 0x2100)) + "\U0001f642"
    (line,) = objects(JsonRenderer()(take_down(record("%s", everything))))
    assert line["message"][:4000] == everything[:4000]
    assert "\\ud83d" in JsonRenderer()(take_down(record("\U0001f642")))
