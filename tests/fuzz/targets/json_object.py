"""JSON bodies of requests, and what a token is asked for in one."""

from __future__ import annotations

import json
import math
from typing import Any

from fuzz.mutators import json_mutator
from fuzz.target import Target
from fuzz.targets.messages import check_refusal
from livehead.api.body import MAX_JSON
from livehead.api.tokens import read_grant
from livehead.core.limits import MAX_JSON_DEPTH
from livehead.core.messages.json_object import read_object
from livehead.errors import RequestError


def run(data: bytes) -> None:
    try:
        body = read_object(data, MAX_JSON)
    except RequestError as error:
        check_refusal(error)
        return
    assert _depth(body) <= MAX_JSON_DEPTH
    assert read_object(json.dumps(body), 8 * MAX_JSON) == body
    try:
        grant = read_grant(body)
    except RequestError as error:
        check_refusal(error)
        return
    assert grant.roles
    assert read_grant(json.loads(grant.model_dump_json())) == grant


def _depth(value: Any) -> int:
    """Also sees to it that numbers are finite."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    assert not isinstance(value, float) or math.isfinite(value)
    return 0


TARGET = Target(
    "json_object",
    run,
    (
        b'{"roles":["open","view"],"avatar":"amara","source":"push","session":"abc","max_seconds":60,"uses":1}',
        b'{"roles":["speak","hear"]}',
        b'{"roles":[]}',
        b'{"avatar":"ben","latency":"low"}',
    ),
    json_mutator(
        ("roles", "avatar", "source", "session", "max_seconds", "uses", "latency"),
        (["open"], ["view", "speak", "hear", "open"], ["admin"], ["open"] * 1000, "mic", "push", 1e9, float("inf")),
    ),
    MAX_JSON + 64,
    (4000, 4.0),
)
