"""Requests made from the API's own description, those that it allows and those that it does not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckContext
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fuzz.target import Target, load

PROBES = ("/readyz", "/healthz")
"""Their 503 is no problem object: orchestrators read them."""


def check_errors(context: CheckContext, response: Response, case: Case) -> bool | None:
    """No failure of the server but 503, and every error is a problem object of RFC 9457."""
    status = response.status_code
    assert status < 500 or status == 503, f"{status}: {response.text[:500]}"
    if status < 400 or case.operation.path in PROBES:
        return None
    assert response.headers["content-type"] == ["application/problem+json"], response.headers
    problem = json.loads(response.content)
    assert problem["status"] == status
    assert problem["type"].startswith("urn:livehead:")
    assert problem["title"]
    assert problem["detail"]
    if status in (429, 503):
        assert "retry-after" in response.headers
    return None


CHECKS = [check_errors, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def _text(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _variants(target: Target) -> st.SearchStrategy[bytes]:
    chance = st.randoms(use_true_random=False)
    return st.builds(lambda seed, chance: target.variant(seed, chance), st.sampled_from(target.seeds), chance)


schemathesis.openapi.media_type("application/sdp", _variants(load("sdp_offer")))
schemathesis.openapi.media_type("application/trickle-ice-sdpfrag", _variants(load("sdp_fragment")))


class Described:
    """The API of a running server. Blocks: to be used in a thread beside its event loop."""

    def __init__(self, url: str, key: str) -> None:
        answer = httpx.get(f"{url}/openapi.json", headers={"Authorization": f"Bearer {key}"}, timeout=120)
        answer.raise_for_status()
        self.url = url
        self._schema = schemathesis.openapi.from_dict(answer.json())
        self.operations = {
            f"{each.ok().method.upper()} {each.ok().path}": each.ok() for each in self._schema.get_all_operations()
        }

    def exercise(self, operation: str, mode: GenerationMode, headers: Mapping[str, str], examples: int) -> Counter[int]:
        """So many requests of one operation; how often each status came. Raises what the checks do."""
        statuses: Counter[int] = Counter()
        options: dict[str, Any] = {
            "max_examples": examples,
            "derandomize": True,
            "deadline": None,
            "database": None,
            "suppress_health_check": list(HealthCheck),
            "phases": [Phase.generate],
        }

        @settings(**options)
        @given(self.operations[operation].as_strategy(mode))
        def check(case: Case) -> None:
            response = case.call(base_url=self.url, headers=dict(headers), timeout=10)
            statuses[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        try:
            check()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing to do wrong where there is nothing to say
        return statuses
