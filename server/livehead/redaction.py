"""Secrets in text that is kept: what a log line may not show."""

from __future__ import annotations

import re

REDACTED = "[redacted]"

API_KEY = re.compile(r"lh_[A-Za-z0-9_-]{43}")
"""An API key, as :mod:`livehead.access.keys` makes it."""

_API_KEY_AND_MORE = re.compile(API_KEY.pattern + r"[A-Za-z0-9_-]*")
_WORD = re.compile(r"[A-Za-z0-9_.-]{20,}")
_TOKEN_BEGINS = "eyJ"  # the Base64 of {", with which the header of every JSON Web Token begins

_NAMES = r"(?:token|secret|password|api_?key|credential)"
_QUOTED = r"""\\?"(?:[^"\\]|\\[^"])*(?:\\?")?|\\?'(?:[^'\\]|\\[^'])*(?:\\?')?"""

_ASSIGNED = re.compile(rf"({_NAMES}=)(?!\[redacted)(?:{_QUOTED}|[^\s&\"',;<>#)}}\]\\]+)", re.IGNORECASE)
_MEMBER = re.compile(rf"""(\\?["']{_NAMES}\\?["']\s?:\s?)(?:{_QUOTED})""", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    rf"""(authorization\\?["']?\s?[:=,]\s?(?:b(?=["']))?)(?!\[redacted)(?:{_QUOTED}|(?:[a-z]+\s)?[^\s"',;]+)""",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(bearer\s)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_ICE_PASSWORD = re.compile(r"(ice-pwd:)[A-Za-z0-9+/]+")


def redact(text: str) -> str:
    """``text`` with ``[redacted]`` in place of API keys, JSON Web Tokens, ``token=`` and its like in URLs and headers,
    values of ``Authorization``, and passwords of ICE. The time it takes grows with the length of the text alone."""
    text = _API_KEY_AND_MORE.sub(REDACTED, text)
    text = _WORD.sub(_without_token, text)
    for pattern in (_AUTHORIZATION, _BEARER, _ASSIGNED, _MEMBER, _ICE_PASSWORD):
        text = pattern.sub(rf"\1{REDACTED}", text)
    return text


def _without_token(word: re.Match[str]) -> str:
    before, begins, rest = word[0].partition(_TOKEN_BEGINS)
    return before + REDACTED if begins and "." in rest else word[0]
