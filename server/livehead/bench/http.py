"""The few HTTP requests of the benchmarks. They block; the measuring clients make them in threads."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urljoin

import httpx

from livehead.errors import LiveheadError

TIMEOUT_S = 15.0


def request(
    url: str,
    *,
    method: str = "GET",
    body: str | None = None,
    content_type: str | None = None,
    key: str | None = None,
) -> httpx.Response:
    """One request, with redirects followed; ``key`` is an API key or a token. HTTPS is checked against the system's
    certificates.

    Raises LiveheadError in one line that says what to do, also for every status of 400 and above.
    """
    headers = {"Content-Type": content_type} if content_type else {}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    verify = ssl.create_default_context() if url.startswith("https:") else True
    try:
        answer = httpx.request(
            method, url, content=body, headers=headers, timeout=TIMEOUT_S, follow_redirects=True, verify=verify
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LiveheadError(f"{url} cannot be reached ({error}). Is a Livehead server running there?") from None
    if answer.is_error:
        raise LiveheadError(f"{url} answered {answer.status_code}: {_detail(answer)}")
    return answer


def fetch(url: str, key: str | None = None) -> Any:
    """The JSON at ``url``. Raises LiveheadError."""
    answer = request(url, key=key)
    try:
        return answer.json()
    except ValueError:
        raise LiveheadError(f"{url} did not answer with JSON: this is not a Livehead server.") from None


def location(url: str, answer: httpx.Response) -> str | None:
    """The address of what the request to ``url`` created, absolute; None where the answer names none."""
    named = answer.headers.get("Location")
    return urljoin(url, named) if named else None


def _detail(answer: httpx.Response) -> str:
    """The ``detail`` or ``title`` of a problem document (RFC 9457), else the beginning of the body."""
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return answer.text[:200].strip() or "no reason given"
