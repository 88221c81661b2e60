"""docs/reliability.md has a row for each test that is marked as a fault's, and no other."""

from __future__ import annotations

from collections import Counter

from fault_rows import PAGE, faults, page, read_measured


def test_the_page_is_what_tests_and_their_last_run_say() -> None:
    text = PAGE.read_text()
    assert text == page(text), "run: python tests/fault_rows.py"


def test_no_fault_has_two_names_and_no_figure_is_without_a_test() -> None:
    rows = faults()
    assert [fault for fault, times in Counter((row.part, row.fault) for row in rows).items() if times > 1] == []
    assert set(read_measured()) <= {row.test for row in rows}
