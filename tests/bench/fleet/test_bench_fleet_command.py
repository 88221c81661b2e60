"""What ``livehead bench fleet`` takes."""

from __future__ import annotations

import pytest

from livehead.cli import build_parser
from livehead.commands.bench_fleet import OPTIONS, mix_of, places_of, replica_numbers
from livehead.commands.options import read
from livehead.errors import UsageError


def test_options_that_are_given_count() -> None:
    args = build_parser().parse_args(
        ["bench", "fleet", "--mix", "low=0.5,auto=0.5", "--places", "1,2,3", "--replicas", "2"]
    )
    found = read(args, OPTIONS)
    assert found.mix == {"low": 0.5, "auto": 0.5}
    assert found.places == {"low": 1, "balanced": 2, "throughput": 3}
    assert found.replicas == "2"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (mix_of, "low"),
        (mix_of, "fast=1"),
        (mix_of, "low=0"),
        (places_of, "1,2"),
        (places_of, "1,2,0"),
        (replica_numbers, "3-2"),
        (replica_numbers, "0"),
        (replica_numbers, "two"),
    ],
)
def test_what_is_no_number_is_refused(parse: object, text: str) -> None:
    with pytest.raises(ValueError, match=r"number|share"):
        parse(text)  # type: ignore[operator]


def test_a_wrong_option_is_named_in_one_line() -> None:
    args = build_parser().parse_args(["bench", "fleet", "--replicas", "3-2"])
    with pytest.raises(UsageError, match=r"^--replicas 3-2: expected a number from 1 to 999"):
        read(args, OPTIONS)
