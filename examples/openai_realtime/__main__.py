"""A page with a face for a speech-to-speech model behind OpenAI's Realtime API. See README.md beside this file.

OPENAI_API_KEY=… python -m examples.openai_realtime
"""

import argparse
import asyncio
import html
import logging
import os
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake

from livehead.client import BackendSession, ClientError, Livehead

from .bridge import Bridge

INSTRUCTIONS = "You are a friendly conversation partner. Answer in one or two short sentences."

logger = logging.getLogger(__name__)


class Pages:
    """The page, and a conversation for each visitor who asks for one."""

    def __init__(self, server: Livehead, args: argparse.Namespace) -> None:
        self._server = server
        self._args = args
        self._page = Path(__file__).with_name("page.html").read_text().replace("{{server}}", html.escape(args.server))
        self._tasks: set[asyncio.Task[None]] = set()
        self.app = Starlette(
            routes=[Route("/", self._show), Route("/conversations", self._begin, methods=["POST"])],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _show(self, _: Request) -> Response:
        return HTMLResponse(self._page)

    async def _begin(self, request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return PlainTextResponse("Conversations are for the page of this address.", 403)
        head = self._server.session(avatar=self._args.avatar)
        try:
            await head.open()
        except ClientError as error:
            return PlainTextResponse(str(error), 502)
        task = asyncio.create_task(self._converse(head))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return JSONResponse({"session": head.id, "token": head.token}, 201)

    async def _converse(self, head: BackendSession) -> None:
        """To the end of the session or of the connection to the model."""
        headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
        url = f"{self._args.url}?{urlencode({'model': self._args.model})}"
        try:
            async with connect(url, additional_headers=headers) as model:
                await Bridge(head, model, self._args.instructions, self._args.voice).run()
        except* (OSError, TimeoutError, InvalidHandshake) as group:
            logger.error("the model cannot be reached at %s: %s", self._args.url, group.exceptions[0])
        except* ClientError as group:
            logger.error("the conversation has ended: %s", group.exceptions[0])
        finally:
            await head.close()


async def run(args: argparse.Namespace) -> None:
    async with Livehead(args.server, key=os.environ.get("LIVEHEAD_KEY")) as server:
        pages = Pages(server, args)
        print(f"Talk with the model at http://127.0.0.1:{args.port}", flush=True)
        config = uvicorn.Config(pages.app, "127.0.0.1", args.port, log_level="warning", timeout_graceful_shutdown=1)
        try:
            await uvicorn.Server(config).serve()
        finally:
            await pages.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.openai_realtime")
    parser.add_argument("--server", default="http://127.0.0.1:8080", help="the Livehead server")
    parser.add_argument("--url", default="wss://api.openai.com/v1/realtime", help="the Realtime API")
    parser.add_argument("--model", default="gpt-realtime")
    parser.add_argument("--voice", default="marin")
    parser.add_argument("--instructions", default=INSTRUCTIONS)
    parser.add_argument("--avatar", default="default")
    parser.add_argument("--port", type=int, default=8090, help="of the page")
    args = parser.parse_args()
    if not os.environ.get("OPENAI_API_KEY"):
        parser.error("set OPENAI_API_KEY")
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(run(args))


if __name__ == "__main__":
    main()
