"""The figures of the load measurement as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SPREAD = ("p50", "p95", "p99", "max")


def table(figures: Mapping[str, Any]) -> str:
    """Lines to be printed; the JSON follows them."""
    variant = f" {figures['variant']}" if figures["variant"] else ""
    weights = ", random weights" if figures["synthetic"] else ""
    admitted = ", ".join(f"{count} at {preset}" for preset, count in figures["admitted"].items())
    lines = [
        f"Live sessions at {figures['engine']}{variant}, {figures['size']} px{weights}; {figures['device']}; "
        f"{figures['cpus']} CPUs, load {figures['load_before']} before",
        f"ready after {figures['ready_s']:.1f} s; measured then: room for {admitted}",
    ]
    for key in dict.fromkeys(_window_key(row) for row in figures["load"]):
        lines += ["", *_loads([row for row in figures["load"] if _window_key(row) == key], figures["phases"])]
    lines += [_most(found) for found in figures["most"]]
    return "\n".join(lines)


def _window_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["preset"], row["hop"], row["lookahead"], row["delay_ms"], (row["speech"] or {}).get("share")


def _loads(rows: Sequence[Mapping[str, Any]], phases: str) -> list[str]:
    first = rows[0]
    lines = [
        _head(first, phases),
        "",
        _line(
            *("streams", "seconds", "windows", "frames", "late", "never", "in time", "worst", "gap ms", "needed"),
            *("busy", "  steps x size"),
        ),
    ]
    for row in rows:
        frames = row["frames"]
        lines.append(
            _line(
                *(row["streams"], f"{row['seconds']:g}", row["windows"], frames["asked"]),
                *(frames["late"], frames["never"], _share(row["in_time"]), _share(row["least_in_time"])),
                *(row["longest_gap_ms"], _number(row["needed_ms"]), f"{row['busy']:.0%}", _sizes(row["batches"])),
            )
        )
    lines += [
        "",
        f"{'':27}{'submit to frames, ms':^45}{'step, ms':^45}",
        _line("streams", "batch", "steps", *_SPREAD, "99/50", *_SPREAD, "99/50"),
    ]
    for row in rows:
        lines.append(_times(row["streams"], "all", sum(row["batches"].values()), row))
        if len(row["by_batch"]) > 1:
            lines += [_times("", each["batch"], each["steps"], each) for each in row["by_batch"]]
    for row in rows:
        lines += ["", *_notes(row)]
    return lines


def _head(row: Mapping[str, Any], phases: str) -> str:
    speech = "" if row["speech"] is None else f", each speaks {row['speech']['share']:.0%} of the time"
    if row["governed"] is not None:
        return f"auto{speech}, phases {phases}: a governor gives each its preset, and its playout chooses the delay"
    return (
        f"{row['preset']}, hop {row['hop']} + {row['lookahead']}{speech}, phases {phases}: a frame is due "
        f"{row['delay_ms']} ms after its audio began, {row['allowance_ms']} ms after its window is complete"
    )


def _times(streams: object, batch: object, steps: int, row: Mapping[str, Any]) -> str:
    cells = [*_spread(row["window_ms"]), _number(row["window_p99_over_p50"])]
    cells += [*_spread(row["step_ms"]), _number(row["step_p99_over_p50"])]
    return _line(streams, batch, steps, *cells)


def _notes(row: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{row['streams']} at once{_behind(row)}: {_met(row)}",
        f"  opened in {_named(row['opens_ms'])} ms; {_first(row)}",
        f"  windows were submitted {_named(row['bench_behind_ms'])} ms late",
    ]
    if row["speech"] is not None:
        lines.append(_speech(row["speech"]))
    if row["governed"] is not None:
        lines += _governed(row["governed"])
    if row["renders"]["films"]:
        lines.append(_films(row["renders"]))
    if row["churn"] is not None:
        lines += _churn(row, row["churn"])
    if row["dropped"]:
        lines.append("  windows dropped: " + ", ".join(f"{count} {why}" for why, count in row["dropped"].items()))
    if row["faults"] or row["restarts"]:
        lines.append(f"  the generator failed {row['faults']} times, the worker was restarted {row['restarts']} times")
    lines += [f"  refused: {error}" for error in dict.fromkeys(row["refused"])]
    return lines


def _met(row: Mapping[str, Any]) -> str:
    if row["governed"] is None:
        return f"{'all' if row['all_met'] else 'NOT all'} deadlines met"
    return f"the delay {'was' if row['all_met'] else 'was NOT'} enough"


def _behind(row: Mapping[str, Any]) -> str:
    films = row["renders"]["films"]
    return f" and {films} films behind them" if films else ""


def _films(renders: Mapping[str, Any]) -> str:
    made = f"{renders['frames']} frames, {renders['fps']:g} a second together"
    lost = f"; {renders['lost']} lost" if renders["lost"] else ""
    return f"  {renders['films']} films behind them: {made}{lost}"


def _first(row: Mapping[str, Any]) -> str:
    if row["first_window_ms"] is None:
        return "no step was made"
    same = next(each for each in row["by_batch"] if each["batch"] == row["first_window_batch"])
    return (
        f"the first step took {_number(row['first_window_ms'])} ms, others of {row['first_window_batch']} "
        f"{_number(same['step_ms']['p50'])}"
    )


def _churn(row: Mapping[str, Any], churn: Mapping[str, Any]) -> list[str]:
    stayed, came = churn["stayed"], churn["came"]
    return [
        f"  every {churn['every_s']:g} s one left and one joined, and one changed its portrait: "
        f"{churn['joined']} joined, {churn['changed']} changed; opened in {_named(row['joins_ms'])} ms",
        f"  {stayed['sessions']} that stayed lost {stayed['lost']} of {stayed['asked']} frames, {came['sessions']} "
        f"that joined or left {came['lost']} of {came['asked']}",
    ]


def _speech(speech: Mapping[str, Any]) -> str:
    hops = ", ".join(f"{count} of {hop}" for hop, count in speech["hops"].items()) or "none"
    return (
        f"  spoke {speech['spoke']:.1%} of the time; {speech['silent_windows']:.1%} of the windows were silence, with "
        f"{speech['silent_frames']:.1%} of the frames; {speech['rewinds']} rewinds; windows with speech: {hops}"
    )


def _governed(governed: Mapping[str, Any]) -> list[str]:
    shares = ", ".join(f"{share:.0%} at {preset}" for preset, share in governed["presets"].items())
    kinds = ", ".join(f"{count} from {kind}" for kind, count in governed["moves_by_kind"].items())
    return [
        f"  {shares}; delay {_named(governed['delay_ms'])} ms",
        f"  {governed['moves']} moves{f' ({kinds})' if kinds else ''}; the longest standstill of a picture at one: "
        f"{governed['move_gap_ms']} ms",
    ]


def _most(found: Mapping[str, Any]) -> str:
    known = "" if found["failed"] is None else f", {found['failed']} are too many"
    exact = "" if found["failed"] is None or found["failed"] - found["held"] == 1 else ", between them not tried"
    admitted = "" if found["admitted"] is None else f"; {found['admitted']} are admitted"
    hop = "" if found["hop"] is None else f", hop {found['hop']}"
    least = "at least " if found["failed"] is None else ""
    return (
        f"\n{found['preset']}{hop}: {least}{found['held']} streams held every deadline for "
        f"{found['seconds']:g} s{known}{exact}{admitted}"
    )


def _line(*cells: object) -> str:
    return "".join(f"{cell!s:>9}" for cell in cells)


def _spread(values: Mapping[str, float] | None) -> list[str]:
    return [_number((values or {}).get(name)) for name in _SPREAD]


def _named(values: Mapping[str, float] | None) -> str:
    shown = _spread(values)
    return f"{shown[0]} (p95 {shown[1]}, max {shown[3]})"


def _sizes(batches: Mapping[str, int]) -> str:
    return "  " + " ".join(f"{count}x{size}" for size, count in batches.items())


def _share(value: float) -> str:
    return f"{100 * value:.2f}%"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
