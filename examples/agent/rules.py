"""Replies without a language model, after Joseph Weizenbaum's ELIZA (1966): enough for a conversation to be tried."""

import random
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from .replies import Message

NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip

JOKES = (
    "Why did the portrait go to prison? Because it was framed.",
    "I told my mirror a joke. It cracked up.",
    "I wanted to paint a picture of the wind. But it would not sit still.",
)

MIRRORED = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "am": "are", "i'm": "you are", "i've": "you have",
    "you": "I", "your": "my", "are": "am", "myself": "yourself", "was": "were",
}  # fmt: skip

GO_ON = ("Tell me more about that.", "How do you feel about that?", "Why do you say that?", "I see. Please go on.")


class Rules:
    """Remembers the user's name."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._now = now
        self._name = ""

    async def reply(self, conversation: Sequence[Message]) -> AsyncGenerator[str]:
        yield self.answer(conversation[-1]["content"])

    def answer(self, said: str) -> str:
        text = re.sub(r"[^\w' ]+", " ", said.lower())
        for pattern, make in self._rules():
            if found := re.search(pattern, text):
                return make(found)
        return random.choice(GO_ON)

    def _rules(self) -> Sequence[tuple[str, Callable[[re.Match[str]], str]]]:
        return (
            (r"\bmy name is (?P<name>\w+)|\bcall me (?P<other>\w+)", self._meet),
            (r"\bwhat('s| is) my name\b", lambda _: f"You are {self._name}." if self._name else "I do not know."),
            (r"\b(what('s| is) your name|who are you)\b", lambda _: "I am a portrait. I was drawn, and now I talk."),
            (r"\bcount\b.*?\bto (?P<most>\w+)", self._count),
            (r"\bcount\b", lambda _: self._count_to(10)),
            (r"\btime\b", lambda _: f"It is {self._now():%I:%M %p}.".replace(" 0", " ")),
            (r"\b(date|day)\b", lambda _: f"Today is {self._now():%A, the %d of %B}.".replace("the 0", "the ")),
            (r"\b(?P<a>\w+) (?P<sign>plus|minus|times) (?P<b>\w+)", self._calculate),
            (r"\bjoke\b", lambda _: random.choice(JOKES)),
            (r"\bhow are you\b", lambda _: "I am well, thank you. And how are you today?"),
            (r"\b(hello|hi|hey|good (morning|afternoon|evening))\b", self._greet),
            (r"\b(bye|goodbye|see you)\b", lambda _: "Goodbye! It was nice to talk with you."),
            (r"\bthank", lambda _: "You are welcome."),
            (r"\b(can you do|help)\b", lambda _: "Ask me for the time, or for a joke, or let me count."),
            (r"\b(i feel|i am|i'm) (?P<rest>.+)", lambda found: f"Why are you {mirrored(found['rest'])}?"),
            (r"\b(i want|i need|i would like) (?P<rest>.+)", self._want),
            (r"\bbecause\b", lambda _: "Is that the real reason?"),
            (r"^(?P<rest>can|could|will|would|do|are) you\b", lambda _: "I am only a portrait. But I listen well."),
        )

    def _meet(self, found: re.Match[str]) -> str:
        self._name = (found["name"] or found["other"]).capitalize()
        return f"Nice to meet you, {self._name}! What would you like to talk about?"

    def _greet(self, _: re.Match[str]) -> str:
        return f"Hello{', ' + self._name if self._name else ' there'}! What is on your mind?"

    def _want(self, found: re.Match[str]) -> str:
        return f"What would it mean to you to have {mirrored(found['rest']).removeprefix('to have ')}?"

    def _count(self, found: re.Match[str]) -> str:
        most = number(found["most"])
        return self._count_to(10 if most is None else min(most, 20))

    @staticmethod
    def _count_to(most: int) -> str:
        return f"{', '.join(NUMBERS[1 : most + 1]).capitalize()}." if most else "That was easy."

    @staticmethod
    def _calculate(found: re.Match[str]) -> str:
        a, b = number(found["a"]), number(found["b"])
        if a is None or b is None:
            return "I am not so good with numbers."
        result = {"plus": a + b, "minus": a - b, "times": a * b}[found["sign"]]
        return f"{a} {found['sign']} {b} is {result}."


def mirrored(text: str) -> str:
    """As the other one would say it."""
    return " ".join(MIRRORED.get(word, word) for word in text.split())


def number(text: str) -> int | None:
    if text.isdecimal() and len(text) < 7:
        return int(text)
    return NUMBERS.index(text) if text in NUMBERS else None
