from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehead.speech_synthesis.sentences import MOST, parts, speakable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  Hello,\n\n world\t! ", "Hello, world !"),
        ("one\0two\x07three\x1b[31m", "one two three [31m"),
        ("line\u2028paragraph\u2029end", "line paragraph end"),
        ("It is 20 °C and costs 5 €.", "It is 20 °C and costs 5 €."),
        ("Well done 👍🏽! 👩‍👩‍👧‍👦 🇩🇪 1️⃣", "Well done ! 1"),
        ("soft\u00adhyphen, zero\u200bwidth, \u202ereversed", "softhyphen, zerowidth, reversed"),
        ("e\u0301te\u0301", "été"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("日本語です。", "日本語です。"),
        ("", ""),
        (" \n ", ""),
        ("😀🎉", ""),
        ("… — !?", ""),
        ("\u200b\u00ad", ""),
    ],
)
def test_what_is_said_of_a_text(text: str, said: str) -> None:
    assert speakable(text) == said


def test_the_first_sentence_is_by_itself() -> None:
    assert list(parts("Hello there. How are you? I am fine.")) == ["Hello there.", "How are you? I am fine."]


@pytest.mark.parametrize("text", ["Dr. Brown met Mrs. J. Smith at St. Mary's", "Pi is 3.14159", "Use e.g. this"])
def test_a_point_that_ends_no_sentence(text: str) -> None:
    assert list(parts(text)) == [text]


def test_closing_quotes_stay_with_their_sentence() -> None:
    assert next(parts('"Who is there?" she asked.')) == '"Who is there?"'


def test_sentences_of_languages_without_spaces() -> None:
    assert list(parts("こんにちは。元気ですか？はい。")) == ["こんにちは。", "元気ですか？ はい。"]


def test_long_sentences_are_cut_behind_clauses_and_words() -> None:
    clauses = list(parts("this is a clause of it, " * 40))
    assert len(clauses) > 1
    assert all(each.endswith(",") for each in clauses)
    words = list(parts("word " * 200))
    assert all(each.endswith("word") and len(each) <= MOST for each in words)
    assert [len(each) for each in parts("x" * (2 * MOST + 5))] == [MOST, MOST, 5]


@given(st.text())
def test_nothing_is_lost_and_no_part_is_too_long(text: str) -> None:
    said = speakable(text)
    found = list(parts(said))
    assert all(0 < len(each) <= MOST for each in found)
    assert re.sub(r"\s", "", "".join(found)) == re.sub(r"\s", "", said)
