"""Tokens stay out of the log."""

from __future__ import annotations

import logging

import pytest
from endpoint import request, serving

from livehead.transport.access_log import redact

SECRET = "eyJhbGciOiJIUzI1NiJ9.secret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/v1/signal", "/v1/signal"),
        (f"/v1/signal?token={SECRET}", "/v1/signal?token=…"),
        (f"/v1/signal?a=b&token={SECRET}&rate=24000", "/v1/signal?a=b&token=…&rate=24000"),
        (f"/v1/signal?%74oken={SECRET}", "/v1/signal?%74oken=…"),
        (f"/v1/signal?TOKEN={SECRET}&token=", "/v1/signal?TOKEN=…&token=…"),
        (f"/v1/signal?token={SECRET}={SECRET}", "/v1/signal?token=…"),
        (f"/v1/signal?x?token={SECRET}", "/v1/signal?x?token=…"),
        ("/x?mytoken=1&tokens=2", "/x?mytoken=1&tokens=2"),
    ],
)
def test_the_value_of_a_token_is_left_out(url: str, shown: str) -> None:
    assert redact(url) == shown


def test_no_token_and_no_key_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(debug=True) as endpoint:
        with endpoint.websocket(f"/v1/signal?token={SECRET}&rate=1"):
            pass
        with endpoint.connect() as client:
            client.sendall(request("GET", f"/healthz?token={SECRET}&rate=2", f"Authorization: Bearer {SECRET}"))
            client.recv(1)
    assert SECRET not in caplog.text
    assert "GET /healthz?token=…&rate=2 HTTP/1.1" in caplog.text
    assert "WebSocket /v1/signal?token=…&rate=1" in caplog.text
