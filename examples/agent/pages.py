"""The page, and its way to a conversation."""

import asyncio
import contextlib
import html
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from livehead.client import BackendSession, ClientError, Livehead

from .conversation import Conversation, Models
from .replies import Replies

PAGE = Path(__file__).with_name("page.html")

MOST = 8
"""Conversations at once."""

WORDS = 256
"""Lines that may wait for a page; then the oldest are dropped."""


class Pages:
    """``options`` are those of the sessions; ``make_replies`` makes what replies in one conversation."""

    def __init__(
        self, server: Livehead, url: str, models: Models, make_replies: Callable[[], Replies], options: dict[str, Any]
    ) -> None:
        self._server = server
        self._url = url
        self._models = models
        self._make_replies = make_replies
        self._options = options
        self._page = PAGE.read_text()
        self._words: dict[str, asyncio.Queue[str | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.app = Starlette(
            routes=[
                Route("/", self._show),
                Route("/conversations", self._begin, methods=["POST"]),
                Route("/conversations/{id}", self._tell),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _show(self, _: Request) -> Response:
        page = self._page
        for name, value in (("server", self._url), ("avatar", self._options["avatar"])):
            page = page.replace(f"{{{{{name}}}}}", html.escape(value))
        return HTMLResponse(page)

    async def _begin(self, _: Request) -> Response:
        """A session and its conversation, which ends with it."""
        if len(self._words) >= MOST:
            return PlainTextResponse(f"There are {MOST} conversations already.", 503)
        head = self._server.session(interrupt="auto", **self._options)
        try:
            await head.open()
        except ClientError as error:
            return PlainTextResponse(str(error), 502)
        self._words[head.id] = asyncio.Queue(WORDS)
        task = asyncio.create_task(self._converse(head))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return JSONResponse({"id": head.id, "server": self._url, "token": head.token}, 201)

    async def _converse(self, head: BackendSession) -> None:
        words = self._words[head.id]

        def tell(who: str, text: str) -> None:
            if words.full():
                words.get_nowait()
            words.put_nowait(json.dumps({"who": who, "text": text}))
            print(f"{who}: {text}", flush=True)

        replies: Replies = self._make_replies()
        try:
            await Conversation(head, self._models, replies, tell).run()
        finally:
            del self._words[head.id]
            if words.full():
                words.get_nowait()
            words.put_nowait(None)
            await head.close()

    async def _tell(self, request: Request) -> Response:
        """What is said, as server-sent events."""
        words = self._words.get(request.path_params["id"])
        if words is None:
            return PlainTextResponse("There is no such conversation, or not any more.", 404)

        async def lines() -> AsyncIterator[str]:
            while (line := await words.get()) is not None:
                yield f"data: {line}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
