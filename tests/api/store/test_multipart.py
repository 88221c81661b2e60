"""Forms: what is read, and what is refused before it takes memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from livehead.api.store import multipart
from livehead.api.store.multipart import Form, FormField, read_form
from livehead.errors import MalformedError, TooLargeError, UnprocessableError, UnsupportedTypeError

FIELDS = {"image": FormField(1000), "name": FormField(20)}
BOUNDARY = "b0und"


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


class Sent:
    """A request whose body comes in pieces; ``taken`` is how much of it was read."""

    def __init__(self, body: bytes, *, kind: str = f"multipart/form-data; boundary={BOUNDARY}", piece: int = 7) -> None:
        self.headers = {"content-type": kind}
        self.taken = 0
        self._body = body
        self._piece = piece

    async def stream(self) -> AsyncIterator[bytes]:
        while self.taken < len(self._body):
            chunk = self._body[self.taken : self.taken + self._piece]
            self.taken += len(chunk)
            yield chunk


async def read(sent: Sent, fields: dict[str, FormField] = FIELDS) -> Form:
    request: Request = sent  # type: ignore[assignment]
    return await read_form(request, fields)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_fields_come_whole_however_the_body_is_cut(piece: int) -> None:
    image = bytes(range(256)) + f"\r\n--{BOUNDARY[:-1]}\r\n--".encode()
    body = part("image", image, '; filename="a.png"\r\nContent-Type: image/png') + part("name", "Zoë".encode()) + END
    form = await read(Sent(body, piece=piece))
    assert form.data("image") == image
    assert form.text("name") == "Zoë"
    assert form.text("consent") is None
    assert "consent" not in form


async def test_the_forms_of_an_ordinary_client_are_read() -> None:
    request = httpx.Request("POST", "http://a/", files={"image": ("a.png", b"\0\1")}, data={"name": "Maya"})
    form = await read(Sent(request.read(), kind=request.headers["content-type"]))
    assert form.data("image") == b"\0\1"
    assert form.text("name") == "Maya"


async def test_fields_that_nobody_asked_for_are_left_out() -> None:
    form = await read(Sent(part("other", bytes(5000)) + part("name", b"Maya") + END, piece=4096))
    assert "other" not in form
    assert form.text("name") == "Maya"


async def test_a_large_field_goes_to_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    fields = {"audio": FormField(20_000, into=tmp_path / "audio"), "name": FormField(20)}
    form = await read(Sent(part("audio", content) + part("name", b"Maya") + END, piece=1000), fields)
    assert (tmp_path / "audio").read_bytes() == content
    assert "audio" in form
    assert form.data("audio") == b""


async def test_a_missing_field_is_named() -> None:
    form = await read(Sent(part("name", b"Maya") + END))
    with pytest.raises(UnprocessableError, match="'image'"):
        form.data("image")


async def test_a_field_that_is_too_large_is_named_with_its_limit() -> None:
    with pytest.raises(TooLargeError, match="'name' is larger than 20 bytes"):
        await read(Sent(part("name", bytes(21)) + END))


async def test_a_body_that_is_too_large_is_not_kept_and_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "OVERHEAD", 500)
    monkeypatch.setattr(multipart, "MAX_DRAINED", 3000)
    sent = Sent(part("other", bytes(2000)) + END, piece=100)
    with pytest.raises(TooLargeError, match="image may have 1000 bytes"):
        await read(sent)
    assert sent.taken > 2000  # all of it, so that a browser reads the answer
    endless = Sent(part("other", bytes(50_000)) + END, piece=100)
    with pytest.raises(TooLargeError):
        await read(endless)
    assert endless.taken < 3200


async def test_a_declared_length_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent(END)
    sent.headers["content-length"] = str(10**9)
    with pytest.raises(TooLargeError):
        await read(sent)
    assert sent.taken == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ends before its last boundary"),
        (part("name", b"Maya"), "ends before its last boundary"),
        (part("name", b"Maya") * 2 + END, "comes twice"),
        (part("", b"Maya") + END, "no name"),
        (f"--{BOUNDARY}\r\n\r\nMaya\r\n".encode() + END, "no name"),
        (b"name=Maya", "no multipart/form-data"),
        (part("name", b"Maya", "; a=" + "b" * 5000) + END, "headers of a field"),
        (part("other", b"") * 40 + END, "more than 32 fields"),
    ],
    ids=["empty", "cut", "twice", "nameless", "headless", "urlencoded", "long headers", "many parts"],
)
async def test_what_is_no_form_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        await read(Sent(body))


async def test_text_that_is_not_utf8_is_refused() -> None:
    form = await read(Sent(part("name", b"\xff\xfe") + END))
    with pytest.raises(MalformedError, match="UTF-8"):
        form.text("name")


@pytest.mark.parametrize("kind", ["application/json", "", "application/x-www-form-urlencoded"])
async def test_another_type_of_body_is_refused(kind: str) -> None:
    with pytest.raises(UnsupportedTypeError, match="multipart/form-data"):
        await read(Sent(END, kind=kind))


@pytest.mark.parametrize("rest", ["", "; boundary=", f"; boundary={'b' * 71}"])
async def test_a_type_without_a_boundary_is_refused(rest: str) -> None:
    with pytest.raises(MalformedError, match="boundary"):
        await read(Sent(END, kind=f"multipart/form-data{rest}"))
