"""Changes to inputs that keep their form: of JSON, of lines of text, and of packets with lengths in them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

from fuzz.target import Mutator

NUMBERS = (0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, -0.0, 1e308, 10**30, 2**63 - 1, 2**63, 65535, 65536),
    *("", " ", "0", "\x00", "\ud800", "\r\n", "\x1b[2J", "‮", "ä" * 200, "x" * 256, "x" * 257, "x" * 5000, "null"),
    *([], {}, [[]], [{}], {"": None}, {"type": "bye"}),
)

TOKENS = (
    *("", " ", "\t", ":", "/", ";", "=", ",", "*", "-1", "0", "1", "65535", "65536", "4294967296", "9" * 40, "1e9"),
    *("\x00", "\x0b", "\x85", "\u2028", "é", "\ufeff", "%00", "%2e%2e", "..", "\\", "'", '"', "{", "[", "nan", "inf"),
)


def change_bytes(data: bytes, chance: random.Random) -> bytes:
    """One to four small changes anywhere: bits, bytes, whole numbers, blocks moved, doubled and left out."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        size = min(1 << chance.randrange(10), len(changed) - at)
        match chance.randrange(8):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(changed):
                changed[at] = chance.randrange(256)
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 16))
            case 3:
                del changed[at : at + size]
            case 4:
                changed[at:at] = bytes(changed[at : at + size]) * chance.choice((1, 1, 2, 16, 64))
            case 5:
                width = chance.choice((1, 2, 4))
                number = chance.choice(NUMBERS) & ((1 << 8 * width) - 1)
                changed[at : at + width] = number.to_bytes(width, chance.choice(("big", "little")))
            case 6:
                other = chance.randrange(len(changed) + 1)
                changed[other:other] = changed[at : at + size]
            case _:
                changed[at : at + size] = bytes([chance.choice((0, 0x20, 0x22, 0x30, 0x7F, 0x80, 0xFF))]) * size
    return bytes(changed)


def json_mutator(keys: Sequence[str], values: Sequence[Any] = ()) -> Mutator:
    """For JSON objects: fields given, changed, left out, nested and doubled; now and then its bytes instead."""
    choices = (*VALUES, *values)

    def value(chance: random.Random) -> Any:
        match chance.randrange(8):
            case 0:
                return {
                    key: copy.deepcopy(chance.choice(choices)) for key in chance.sample(list(keys), min(len(keys), 3))
                }
            case 1:
                nested: Any = copy.deepcopy(chance.choice(choices))
                for _ in range(chance.choice((1, 3, 14, 15, 16, 17, 40))):
                    nested = [nested] if chance.random() < 0.5 else {"a": nested}
                return nested
            case _:
                return copy.deepcopy(chance.choice(choices))

    def mutate(data: bytes, chance: random.Random) -> bytes:
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            return change_bytes(data, chance)
        if not isinstance(body, dict) or chance.random() < 0.2:
            return change_bytes(data, chance)
        for _ in range(chance.randint(1, 3)):
            key = chance.choice([*keys, *body])
            inner = body.get(key)
            if isinstance(inner, dict) and chance.random() < 0.7:
                inner[chance.choice([*keys, *inner])] = value(chance)
            elif isinstance(inner, str) and inner and chance.random() < 0.5:
                body[key] = change_text(inner, chance)
            elif chance.random() < 0.2:
                body.pop(key, None)
            else:
                body[key] = value(chance)
        text = json.dumps(body, ensure_ascii=chance.random() < 0.5)
        if chance.random() < 0.1:
            text = text[:-1] + "," + text[1:]  # every name twice
        return text.encode("utf-8", "surrogatepass")

    return mutate


def change_text(text: str, chance: random.Random, tokens: Sequence[str] = TOKENS) -> str:
    """One change within a text: a word of it, or a piece."""
    at = chance.randrange(len(text) + 1)
    end = min(len(text), at + chance.choice((0, 1, 2, 8, 64)))
    match chance.randrange(4):
        case 0:
            return text[:at] + chance.choice(tokens) + text[end:]
        case 1:
            return text[:at] + text[at:end] * chance.choice((2, 8, 64)) + text[end:]
        case 2:
            words = text.split(" ")
            words[chance.randrange(len(words))] = chance.choice(tokens)
            return " ".join(words)
        case _:
            return text[:at] + text[end:]


def line_mutator(lines: Sequence[str], tokens: Sequence[str] = (), newline: str = "\r\n") -> Mutator:
    """For lines of text: doubled, moved, left out, brought in from ``lines``, and changed word by word."""
    words = (*TOKENS, *tokens)

    def mutate(data: bytes, chance: random.Random) -> bytes:
        if chance.random() < 0.1:
            return change_bytes(data, chance)
        text = data.decode("utf-8", "replace").split(newline)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            match chance.randrange(7):
                case 0:
                    text[at:at] = [text[at]] * chance.choice((1, 1, 2, 8, 64, 512))
                case 1 if len(text) > 1:
                    del text[at]
                case 2:
                    text.insert(chance.randrange(len(text) + 1), text[at])
                case 3 if lines:
                    text.insert(at, chance.choice(lines))
                case 4:
                    end = chance.randrange(at, len(text)) + 1
                    text[at:at] = text[at:end]
                case _:
                    text[at] = change_text(text[at], chance, words)
        return newline.join(text).encode()

    return mutate


def packet_mutator(*packets: bytes) -> Mutator:
    """For packets one behind the other: bytes changed, and whole packets of ``packets`` put in."""

    def mutate(data: bytes, chance: random.Random) -> bytes:
        if chance.random() < 0.3:
            packet = change_bytes(chance.choice(packets), chance) if chance.random() < 0.5 else chance.choice(packets)
            at = chance.choice((0, len(data), chance.randrange(len(data) + 1)))
            data = data[:at] + packet * chance.choice((1, 1, 1, 4, 32)) + data[at:]
            if chance.random() < 0.5:
                return data
        return change_bytes(data, chance)

    return mutate
