"""No secret of a client or the server is kept in the log."""

from __future__ import annotations

import json
import secrets
import time

import pytest

from livehead.access.keys import KEY, new_key
from livehead.access.tokens import Grant, Tokens
from livehead.core.identity import Role
from livehead.redaction import API_KEY, redact

KEY_TEXT = "lh_" + "Ab3-_" * 8 + "xyz"
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJsaXZlaGVhZCJ9.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def test_the_keys_and_tokens_that_the_server_makes_are_secrets() -> None:
    assert KEY.pattern == API_KEY.pattern
    key, stored = new_key("shop", "2026-01-31")
    token = Tokens(None, 60).make("shop", Grant(roles=frozenset({Role.OPEN})))
    for secret in (key, token):
        assert secret not in redact(f"x {secret} y")
        assert redact(f"x {secret} y") == "x [redacted] y"
    assert redact(stored.id) == stored.id


@pytest.mark.parametrize("secret", [KEY_TEXT, JWT])
@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "GET /v1/signal?token={}&x=1",
        "token%3D{}",
        "\x1b[1m{}\n",
        "Authorization: Bearer {}",
        "{{'Authorization': 'Bearer {}'}}",
        "[(b'authorization', b'Bearer {}')]",
        'offer {{"type": "offer", "token": "{}"}}',
        'repr {{\\"token\\": \\"{}\\"}}',
        "prefix{}",
    ],
)
def test_keys_and_tokens_are_left_out_wherever_they_stand(around: str, secret: str) -> None:
    shown = redact(around.format(secret))
    assert "[redacted]" in shown
    assert "[redacted]]" not in shown
    assert not any(secret[i : i + 8] in shown for i in range(len(secret) - 8))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /x?token=abc&rate=1 HTTP/1.1", "GET /x?token=[redacted]&rate=1 HTTP/1.1"),
        ("/x?access_token=abc#y", "/x?access_token=[redacted]#y"),
        ("turn_secret='nor th', x=1", "turn_secret=[redacted], x=1"),
        (
            'rel="ice-server"; credential="p+q/r="; credential-type="password"',
            'rel="ice-server"; credential=[redacted]; credential-type="password"',
        ),
        ('\\"u\\"; credential=\\"p+q/r=\\"; x', '\\"u\\"; credential=[redacted]; x'),
        ('{"credential": "p+q", "urls": 1}', '{"credential": [redacted], "urls": 1}'),
        ('{"password":"a \\\\ b"}', '{"password":[redacted]}'),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [redacted]"),
        ("authorization=abc", "authorization=[redacted]"),
        ("> AUTHORIZATION: bearer abcdefgh", "> AUTHORIZATION: [redacted]"),
        ("a=ice-pwd:asd88fgpdd777uzjYhagZg", "a=ice-pwd:[redacted]"),
        ('credential="cut off', "credential=[redacted]"),
    ],
)
def test_values_are_left_out_by_their_names(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "session 7Q2-x9: closed after 12.5 s, 3 tokens",
        "refused: status=401 reason=token-invalid key=- address=10.0.0.7 request=POST /v1/tokens",
        'a=fmtp:96 max-fs=3600; WWW-Authenticate: Bearer realm="livehead"',
        "lh_short",
        "eyJust a word",
        "livehead.engine.capacity.measure.profile_of_something_long",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "bit",
    [
        "eyJ",
        "lh_",
        "token=",
        'token="',
        '"token":"',
        "authorization:",
        "bearer ",
        "\\",
        '"',
        "'",
        "a",
        " ",
        "-",
        "eyJ.",
        "ice-pwd:",
        "secret=\\'",
    ],
)
def test_no_text_takes_long(bit: str) -> None:
    """Grown eightfold, it takes at most some eight times as long, not 64 times."""

    def cost(length: int) -> float:
        text = (bit * length)[:length]
        return min(_timed(text) for _ in range(5))

    assert cost(65_536) < 24 * cost(8_192) + 0.002


def _timed(text: str) -> float:
    began = time.process_time()
    redact(text)
    return time.process_time() - began


def test_any_bytes_may_come() -> None:
    for _ in range(200):
        noise = secrets.token_bytes(300).decode("latin-1")
        assert '"token": [redacted]' in redact(noise + json.dumps({"token": secrets.token_urlsafe(20)}))
