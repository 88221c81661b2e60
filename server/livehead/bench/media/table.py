"""The figures of ``livehead bench media`` as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WIDTH = 26


def table(figures: Mapping[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    conditions = figures["conditions"]
    lines = [
        f"Clips: {conditions['clip']}; {conditions['frames']} frames of {conditions['size']} x "
        f"{conditions['size']}, 25 a second, no noise; {conditions['bitrate'] / 1000:g} kbit/s",
        f"{conditions['cpus']} CPUs, load {conditions['load_before']} before and {conditions['load_after']} after; "
        "all times are processor time",
    ]
    for clip, codecs in figures["codecs"].items():
        lines += ["", _head(_TITLE[clip], "PSNR Y", "planes", "worst", "ms", "core %", "start", "kbit/s", "keys")]
        lines[-1] += _columns("key kB", "max kB")
        lines += [_row(name, *(row[key] for key in _CODEC)) for name, row in codecs.items()]
        lines += ["", _head("Livehead to stock", "encoding", "call", "dB Y", "dB planes")]
        lines += [
            _row(codec, f"x {row['encode']}", f"x {row['call']}", f"{row['psnr_y_db']:+g}", f"{row['psnr_db']:+g}")
            for codec, row in figures["ratios"][clip].items()
        ]
    lines += ["", _head("the same frame again", "ms", "kbit/s")]
    lines += [_row(name, row["cpu_ms"], row["kbits"]) for name, row in figures["same_frame"].items()]
    lines += ["", _head("rate changes", "asked", "kbit/s", "after s", "keys", "max kB")]
    for name, steps in figures["rate_change"].items():
        for step in steps:
            lines.append(_row(name, *(step[key] for key in _STEP)))
            name = ""
    for clip, calls in figures["calls"].items():
        lines += ["", _head(f"a call, {_TITLE[clip]}", "core %", "fps", "packets/s", "kbit/s")]
        lines += [_row(name, *(row[key] for key in _CALL)) for name, row in calls.items()]
    lines += ["", _head("viewers of a session", "encodings", "core %", "encoded/s", "least fps")]
    lines += [_row(str(row["viewers"]), *(row[key] for key in _VIEWERS)) for row in figures["viewers"]]
    lines += ["", _head("hearing a viewer", "ms")]
    lines += [_row(name, figures["hearing"][key]) for key, name in _HEARING.items()]
    lines.append("")
    for clip, targets in figures["targets"].items():
        lines += [
            _target(f"PSNR Y of H264, dB, {_TITLE[clip]}", targets["psnr_y_db"], ">="),
            _target(f"encode and send H264, % of a core, {_TITLE[clip]}", targets["session_core_percent"], "<="),
        ]
    return "\n".join(lines)


_TITLE = {"sways": "head sways", "still": "head still"}
_CODEC = (
    *("psnr_y_db", "psnr_db", "psnr_y_worst_db", "cpu_ms", "core_percent"),
    *("start_ms", "kbits", "keyframes", "keyframe_kb", "largest_kb"),
)
_STEP = ("target_kbits", "kbits", "followed_s", "keyframes", "largest_kb")
_VIEWERS = ("encodings", "core_percent", "encoded_per_s", "fps_min")
_CALL = ("core_percent", "fps", "packets_per_s", "kbits")

_HEARING = {
    "voice_activity_ms_per_s": "a second of audio",
    "echo_guard_ms_per_s": "while the portrait speaks",
    "model_start_ms": "its model, once",
}


def _head(name: str, *columns: str) -> str:
    return f"{name:{WIDTH}}" + _columns(*columns)


def _columns(*columns: str) -> str:
    return "".join(f"{column:>10}" for column in columns)


def _row(name: str, *values: object) -> str:
    return f"{name:{WIDTH}}" + "".join(f"{'never' if value is None else value!s:>10}" for value in values)


def _target(name: str, target: Mapping[str, Any], sign: str) -> str:
    verdict = "met" if target["met"] else "not met"
    return f"{name:48}{target['value']:>8g}   target {sign} {target['target']:g}   {verdict}"
