"""API keys: 256 random bits each, of which only a hash is kept.

A key is as long as a hash and as random, so a plain SHA-256 is enough: nobody finds it by trying (NIST SP 800-63B
section 5.1.1.2 asks for slow hashes where people choose the secret).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from livehead.errors import UsageError
from livehead.redaction import API_KEY

PREFIX = "lh_"
"""So that people, and scanners that look for leaked secrets, know a key when they see one."""

KEY = API_KEY

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of a key. ``hash`` is the SHA-256 of the key in hexadecimal; ``created`` a date of ISO 8601, or
    empty where nobody wrote it down. One name may have several keys, so that one can replace another in time."""

    name: str
    hash: str
    created: str = ""

    @property
    def id(self) -> str:
        """Tells the keys of one name apart."""
        return self.hash[:8]

    def __str__(self) -> str:
        return ":".join(filter(None, (self.name, self.hash, self.created)))


class KeyRing:
    """The keys that open the server, by their hashes."""

    def __init__(self, keys: Iterable[StoredKey] = ()) -> None:
        self._keys = tuple(keys)
        self._hashes = [bytes.fromhex(key.hash) for key in self._keys]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(key.name for key in self._keys)

    def find(self, key: str) -> StoredKey | None:
        """The stored key. The time that it takes says nothing about the hashes: each is compared, in constant
        time."""
        given = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = None
        for stored, known in zip(self._keys, self._hashes, strict=True):
            if hmac.compare_digest(given, known):
                found = stored
        return found


def new_key(name: str, created: str) -> tuple[str, StoredKey]:
    """A new key, and what is to be kept of it. ``created`` is today's date. Raises UsageError for a bad name."""
    check_name(name)
    key = PREFIX + secrets.token_urlsafe(32)
    return key, StoredKey(name, hashlib.sha256(key.encode()).hexdigest(), created)


def check_name(name: str) -> None:
    """Names appear in logs and in TURN user names. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:80]!r} cannot name a key: use 1 to 64 letters, digits, dots, hyphens and underscores, and begin "
            "with a letter or digit."
        )


def parse_line(line: str) -> StoredKey:
    """``NAME:HASH`` or ``NAME:HASH:DATE``. Raises UsageError; its message does not repeat the line, which may be a
    secret in the wrong place."""
    name, _, rest = line.strip().partition(":")
    digest, _, created = rest.partition(":")
    if KEY.fullmatch(line.strip()) or KEY.fullmatch(digest):
        raise UsageError("an API key stands where its hash belongs; make the line with `livehead keys new NAME`")
    if not _NAME.fullmatch(name) or not _HASH.fullmatch(digest) or not (not created or _DATE.fullmatch(created)):
        raise UsageError("a key is NAME:HASH or NAME:HASH:DATE, as `livehead keys new NAME` writes it")
    return StoredKey(name, digest, created)
