"""Talk with a portrait in the browser, on this machine alone. See docs/voice-agent.md.

python -m examples.agent
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import uvicorn

from livehead.client import Livehead

from .conversation import Models
from .pages import Pages
from .recogniser import Recogniser
from .replies import ModelReplies, Replies
from .rules import Rules
from .voice import Voice

START_S = 120.0
"""How long the server may take to be ready."""


@contextlib.contextmanager
def serving(page: str) -> Iterator[str]:
    """Livehead on a free port, for the page at that origin; its address."""
    command = [sys.executable, "-m", "livehead", "serve", "--host", "127.0.0.1", "--port", "0"]
    environment = os.environ | {"LIVEHEAD_CORS_ORIGINS": json.dumps([page])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield find_url(process)
    finally:
        process.terminate()
        process.wait()


def find_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = next((line.split()[-1] for line in process.stdout if line.startswith("Livehead is at ")), None)
    until = time.monotonic() + START_S
    while found is not None and process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{found}/readyz").status_code == 200:
                return found
        time.sleep(0.1)
    raise SystemExit("Livehead did not start; what it says stands above.")


def make_replies() -> Replies:
    """A language model where there is one, else a few rules."""
    url, key = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY")
    if url is None and key is None:
        return Rules()
    return ModelReplies(url or "https://api.openai.com/v1", key, os.environ.get("OPENAI_MODEL", "gpt-4o-mini"))


async def run(args: argparse.Namespace, url: str) -> None:
    options = {"avatar": args.avatar, "latency": args.latency, "probe": args.probe}
    with ThreadPoolExecutor(1, "models") as executor:
        loop = asyncio.get_running_loop()
        recogniser = await loop.run_in_executor(executor, Recogniser)
        voice = await loop.run_in_executor(executor, Voice)
        async with Livehead(url, key=os.environ.get("LIVEHEAD_KEY")) as server:
            pages = Pages(server, url, Models(recogniser, voice, executor), make_replies, options)
            print(f"Talk with the portrait at http://127.0.0.1:{args.port}", flush=True)
            config = uvicorn.Config(pages.app, "127.0.0.1", args.port, log_level="warning", timeout_graceful_shutdown=1)
            await uvicorn.Server(config).serve()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.agent", description="Talk with a portrait in the browser."
    )
    parser.add_argument("--port", type=int, default=8090, help="of the page (default: 8090)")
    parser.add_argument("--server", metavar="URL", help="a server that lets this page in (default: starts one)")
    parser.add_argument("--avatar", default="default", help="id of the portrait")
    parser.add_argument("--latency", help="latency preset")
    parser.add_argument("--probe", action="store_true", help="draw the test pattern into the picture, to measure by")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    with contextlib.ExitStack() as stack:
        url = args.server or stack.enter_context(serving(f"http://127.0.0.1:{args.port}"))
        asyncio.run(run(args, url.rstrip("/")))


if __name__ == "__main__":
    main()
