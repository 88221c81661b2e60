"""What is kept beside a portrait's image."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from livehead.store.portraits.messages import SentCheck, SentCrop

ID = r"^p-[0-9a-f]{32}$"

MAX_NAME = 80
"""Characters of a portrait's name."""

CONSENT = (
    "I am the person in this picture, or the person has agreed that I make this picture speak, or it shows nobody who "
    "lives or has lived."
)
"""The statement that goes with every upload, word for word."""

WORDING = 1
"""Of :data:`CONSENT`; another wording has another number."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Consent(_Kept):
    """Who agreed to which statement, when, and for which upload: the SHA-256 of the file as it came. ``owner`` is the
    name of the API key. Records of before there were numbers have the first wording."""

    statement: str
    wording: int = Field(1, ge=1)
    at: datetime
    owner: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class PortraitRecord(_Kept):
    """``width`` and ``height`` are the portrait's; ``crop`` is in pixels of the picture that was uploaded, upright."""

    id: str = Field(pattern=ID)
    owner: str
    name: str = Field(min_length=1, max_length=MAX_NAME)
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    crop: SentCrop
    check: SentCheck
    consent: Consent

    def renamed(self, name: str) -> Self:
        return self.model_copy(update={"name": name})


def given_for(data: bytes, owner: str, at: datetime) -> Consent:
    """The consent of ``owner`` for the file ``data``. Hashes it: for threads."""
    return Consent(statement=CONSENT, wording=WORDING, at=at, owner=owner, sha256=hashlib.sha256(data).hexdigest())


def portrait_id(owner: str, digest: str) -> str:
    """The same picture of the same owner has the same id; it says nothing of either. ``digest`` is of the pixels."""
    return f"p-{hashlib.sha256(owner.encode() + bytes(1) + digest.encode()).hexdigest()[:32]}"


def read_name(given: str | None, fallback: str = "Portrait") -> str:
    """A name on one line, without control characters, at most :data:`MAX_NAME` characters."""
    words = " ".join("".join(each if each.isprintable() else " " for each in given or "").split())
    return words[:MAX_NAME].strip() or fallback
