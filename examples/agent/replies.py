"""What is replied to the user: by a language model behind OpenAI's interface, or by a few rules."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Protocol, TypedDict

import httpx

INSTRUCTIONS = (
    "You are a friendly person on a video call. Your words are spoken by a synthetic voice: answer in one to three "
    "short sentences of plain spoken English, without lists, markup or emoji."
)

REMEMBERED = 20
"""Messages of the conversation that the model is shown."""

FIRST_WORD_S = 20.0
"""How long the model may take for its first words, and from some to the next."""

_SENTENCE = re.compile(r"(.+?[.!?…]+[\"')\]]*)\s+", re.DOTALL)


class Message(TypedDict):
    role: str
    content: str


class Replies(Protocol):
    def reply(self, conversation: Sequence[Message]) -> AsyncGenerator[str]:
        """The words of the reply to the last message, as they come."""


class ModelReplies:
    """``url`` ends with ``/v1``, as in https://api.openai.com/v1 or http://127.0.0.1:11434/v1."""

    def __init__(self, url: str, key: str | None, model: str) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._client = httpx.AsyncClient(base_url=url.rstrip("/") + "/", headers=headers, timeout=FIRST_WORD_S)
        self._model = model

    async def reply(self, conversation: Sequence[Message]) -> AsyncGenerator[str]:
        messages = [{"role": "system", "content": INSTRUCTIONS}, *conversation[-REMEMBERED:]]
        body = {"model": self._model, "messages": messages, "stream": True}
        async with self._client.stream("POST", "chat/completions", json=body) as answer:
            if answer.status_code != 200:
                said = (await answer.aread())[:300].decode(errors="replace")
                raise RuntimeError(f"the language model answered {answer.status_code}: {said}")
            async for line in answer.aiter_lines():  # server-sent events
                data = line.removeprefix("data:").strip()
                if line.startswith("data:") and data != "[DONE]":
                    for choice in json.loads(data).get("choices", ()):
                        yield choice["delta"].get("content") or ""


async def sentences(words: AsyncIterator[str]) -> AsyncIterator[str]:
    """Each sentence as soon as it is complete."""
    rest = ""
    async for some in words:
        rest += some
        while found := _SENTENCE.match(rest):
            yield found[1].strip()
            rest = rest[found.end() :]
    if rest.strip():
        yield rest.strip()
