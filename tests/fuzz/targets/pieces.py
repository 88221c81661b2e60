"""A byte string as a list of commands: one byte says which, and what follows is theirs."""

from __future__ import annotations

from collections.abc import Iterator


def pieces(data: bytes, most: int = 400) -> Iterator[tuple[int, int, bytes]]:
    """Command, number (16 bits) and content, each led by four bytes: command, number, length of the content."""
    at = 0
    for _ in range(most):
        if at + 4 > len(data):
            return
        length = data[at + 3]
        yield data[at], int.from_bytes(data[at + 1 : at + 3], "big"), data[at + 4 : at + 4 + length]
        at += 4 + length


def piece(command: int, number: int = 0, content: bytes = b"") -> bytes:
    """One of them."""
    return bytes([command]) + (number & 0xFFFF).to_bytes(2, "big") + bytes([len(content)]) + content
