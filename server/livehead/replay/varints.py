"""Whole numbers in few bytes: seven bits in each, the lowest first, the eighth set where more follow (LEB128)."""

from __future__ import annotations

from livehead.errors import MediaError

MAX_BYTES = 10


def put(out: bytearray, number: int) -> None:
    """A number that is not negative."""
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def put_signed(out: bytearray, number: int) -> None:
    """Small ones of either sign are short: 0, -1, 1, -2, … are written as 0, 1, 2, 3, …"""
    put(out, number << 1 if number >= 0 else -number * 2 - 1)


def put_bytes(out: bytearray, data: bytes) -> None:
    put(out, len(data))
    out += data


class Numbers:
    """Reads them back. Raises :class:`~livehead.errors.MediaError` where they end in their middle or are too long."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that are to be read."""
        return len(self._data) - self._at

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def take(self, most: int = (1 << 64) - 1) -> int:
        number = 0
        for place in range(MAX_BYTES):
            if not self.more:
                break
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 127) << 7 * place
            if byte < 128:
                if number > most:
                    raise MediaError(f"a number in it is {number} and may be {most}")
                return number
        raise MediaError("a number in it has no end")

    def take_signed(self, most: int = 1 << 48) -> int:
        number = self.take(2 * most)
        return number >> 1 if number % 2 == 0 else -(number + 1 >> 1)

    def take_bytes(self, most: int) -> bytes:
        """As many as the number before them says."""
        return self.take_raw(self.take(most))

    def take_raw(self, length: int) -> bytes:
        data = self._data[self._at : self._at + length]
        if len(data) < length:
            raise MediaError("it ends too early")
        self._at += length
        return data
