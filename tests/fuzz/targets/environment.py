"""Settings from the environment: any values are taken, or refused in one line that names the setting."""

from __future__ import annotations

import os

from fuzz.mutators import line_mutator
from fuzz.target import Target
from livehead.errors import UsageError
from livehead.settings import load, stages

NAMES = tuple(name for stage in stages() for name in stage.model_fields)
SECRETS = ("turn_secret", "token_secret", "api_keys")


def run(data: bytes) -> None:
    """A line for each: NAME=VALUE."""
    given = {}
    for line in data.split(b"\0", 1)[0].split(b"\n"):
        name, equals, value = os.fsdecode(line).partition("=")
        if equals and name.lower() in NAMES:
            given[f"LIVEHEAD_{name.upper()}"] = value
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("LIVEHEAD_")]:
        del os.environ[name]
    os.environ.update(given)
    try:
        load({})
    except UsageError as error:
        told = str(error)
        assert told.splitlines() == [told], "not one line"
        assert all(character.isprintable() or 0xDC80 <= ord(character) <= 0xDCFF for character in told)
        for name in SECRETS:
            value = given.get(f"LIVEHEAD_{name.upper()}", "").strip()
            others = [other for key, other in given.items() if key != f"LIVEHEAD_{name.upper()}"]
            if len(value) >= 20 and not any(value in other for other in others):
                assert value not in told, f"{name} was told"
    finally:
        os.environ.clear()
        os.environ.update(before)


TARGET = Target(
    "environment",
    run,
    (
        b'HOST=0.0.0.0\nPORT=8080\nALLOWED_HOSTS=["a.example"]\nDRAIN_SECONDS=5\nINSECURE=true',
        b'STUN_URLS=["stun:stun.example.org:3478"]\nTURN_SECRET=abcdefghijklmnopqrstuvwxyz\nTURN_TTL=600',
        b'API_KEYS=["front:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]\nTOKEN_SECRET=short',
        b"LATENCY=low\nMAX_SESSIONS=4\nENGINE=preview\nSIZE=512\nOFFERS_PER_SECOND=1.5\nIDLE_SECONDS=0",
        b"TLS_CERT=a.pem\nTLS_KEY=b.pem",
    ),
    line_mutator(
        tuple(f"{name.upper()}={value}" for name in NAMES for value in ("1", "x", "[]", "null")),
        ("nan", "inf", "-1", "1e400", "[[]]", '["a"', "true", "\x1b[31m", "x" * 5000, "[" * 2000),
        "\n",
    ),
    16 * 1024,
    (90_000, 5.0),
)
