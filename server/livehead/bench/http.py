"""The few HTTP requests of a measuring client, with the standard library: they block."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from livehead.errors import LiveheadError

TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    text: str
    location: str | None


def request(url: str, *, method: str = "GET", body: str | None = None, kind: str | None = None) -> Response:
    """Raises LiveheadError with one line that says what to do, also for every status of 400 and more."""
    headers = {"Content-Type": kind} if kind else {}
    try:
        asked = urllib.request.Request(url, body.encode() if body else None, headers, method=method)
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
            location = answer.headers.get("Location")
            return Response(answer.status, answer.read().decode(errors="replace"), location and urljoin(url, location))
    except urllib.error.HTTPError as error:
        raise LiveheadError(f"{url} answered {error.code}: {_detail(error.read())}") from None
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise LiveheadError(f"{url} cannot be reached ({reason}). Is a Livehead server there?") from None


def fetch(url: str) -> Any:
    """The JSON at ``url``. Raises LiveheadError."""
    text = request(url).text
    try:
        return json.loads(text)
    except ValueError:
        raise LiveheadError(f"{url} did not answer with JSON: this is no Livehead server.") from None


def _detail(body: bytes) -> str:
    try:
        problem = json.loads(body)
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return body.decode(errors="replace")[:200].strip() or "no reason given"
