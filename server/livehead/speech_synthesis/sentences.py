"""Texts in the parts that are synthesized one after the other, so that the first is heard early."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MOST = 400
"""Characters of a part. Several sentences together sound more connected than each alone."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|(?<=[。！？])[」』”’）]*\s*")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|No|e\.g|i\.e|approx)|\b[A-Z])\.$")
_CLAUSE_END = re.compile(r"[,;:–—、，；：]\s|[、，；：]")
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\ufe00-\ufe0f\u200d\u20e3\U000e0000-\U000e007f]+"
)
_JOINER = "\u200c"
"""Of the characters that are not shown, the one that words are spelled with."""


def speakable(text: str) -> str:
    """``text`` as it can be said: control characters are spaces, emoji and what is not shown are left out, and white
    space is single. Empty where no letter, digit or sign is left."""
    shown = []
    for each in _EMOJI.sub(" ", unicodedata.normalize("NFC", text)):
        category = unicodedata.category(each)
        if category in ("Cc", "Zl", "Zp"):
            shown.append(" ")
        elif category[0] != "C" or each == _JOINER:
            shown.append(each)
    said = " ".join("".join(shown).split())
    return said if any(unicodedata.category(each)[0] in "LNS" for each in said) else ""


def parts(text: str) -> Iterator[str]:
    """The first sentence, then as many together as fit. A sentence longer than a part is cut behind a clause or a
    word."""
    sentences = _sentences(text)
    first = next(sentences, "")
    if first:
        yield first
    part = ""
    for sentence in sentences:
        if part and len(part) + 1 + len(sentence) > MOST:
            yield part
            part = ""
        part = f"{part} {sentence}".lstrip()
    if part:
        yield part


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text, start, end.start()):
            yield from _cut(text[start : end.end()].strip())
            start = end.end()
    yield from _cut(text[start:].strip())


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > MOST:
        at = max((found.end() for found in _CLAUSE_END.finditer(sentence, MOST // 4, MOST)), default=0)
        at = at or sentence.rfind(" ", 1, MOST) + 1 or MOST
        yield sentence[:at].strip()
        sentence = sentence[at:].strip()
    if sentence:
        yield sentence
