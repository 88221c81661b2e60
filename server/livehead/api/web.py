"""The demo page at ``/``, the client modules at ``/client/`` and the page of the API at ``/docs``.

They are the same files for everybody and hold no data, so none needs a key: what a page shows it asks the API for.
Text is sent compressed, and the page's modules as one file.

The files are in the package (``livehead/web``) where it was installed from a wheel, and in the
checkout's ``web/`` otherwise, so that an edit shows at the next reload.
"""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

import livehead
from livehead.api.guard import Guard, Needs
from livehead.api.web_files.modules import bundle
from livehead.api.web_files.text_files import KINDS, TextFile, TextFiles

FOLDERS = ("client", "demo", "docs")

ENTRY = "demo.js"
"""The page's module. It is served with all that it imports in it."""

PUBLIC = Depends(Guard(Needs.NOTHING))


class _PagePath(Convertor[str]):
    """Any path but the API's, so that a wrong method there stays a 405."""

    regex = r"(?!v1/|whip/|whep/|api/|docs$|openapi\.json$|healthz$|readyz$|metrics$).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def find_web() -> Path | None:
    """The folder that holds the files; None where neither place has it."""
    package = Path(livehead.__file__).parent
    for folder in (package / "web", package.parent.parent / "web"):
        if all((folder / name).is_dir() for name in FOLDERS):
            return folder
    return None


def build_router(web: Path | None) -> APIRouter:
    """Routes for the files below ``web``. Must be included last: it takes every path that is left."""
    router = APIRouter(include_in_schema=False)
    if web is None:
        return router
    mimetypes.init()  # reads files, so not at the first request; and not every system has the type of modules
    mimetypes.add_type("text/javascript", ".js")
    register_url_convertor("page", _PagePath())
    demo, client, docs = (WebFolder(web / name) for name in ("demo", "client", "docs"))
    page = PageModule(web)

    @router.api_route("/client/{path:path}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def client_module(path: str, request: Request) -> Response:
        return await client.answer(path, request)

    @router.api_route("/docs", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def docs_page(request: Request) -> Response:
        return await docs.answer("index.html", request)

    @router.api_route("/docs/{path:path}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def docs_file(path: str, request: Request) -> Response:
        return await docs.answer(path, request)

    @router.api_route("/" + ENTRY, methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def page_module(request: Request) -> Response:
        return (await asyncio.to_thread(page.read)).answer(request)

    @router.api_route("/{path:page}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def demo_page(path: str, request: Request) -> Response:
        return await demo.answer(path or "index.html", request)

    return router


class PageModule:
    """The page's module in one file, made again when one of its parts has changed."""

    def __init__(self, web: Path) -> None:
        self._entry = web / "demo" / ENTRY
        self._folders = (web / "demo", web / "client")
        self._files = TextFiles()

    def read(self) -> TextFile:
        sources = [file for folder in self._folders for file in sorted(folder.rglob("*.js"))]
        return self._files.make(self._entry, sources, lambda: bundle(self._entry))


class WebFolder:
    """The files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._text = TextFiles()
        self._others = StaticFiles(directory=folder)

    async def answer(self, path: str, request: Request) -> Response:
        """The file. Raises HTTPException, 404, for one that is not there or not to be seen."""
        parts = path.split("/")
        if any(part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            raise HTTPException(404)
        if Path(path).suffix in KINDS:
            try:
                return (await asyncio.to_thread(self._text.read, self._folder.joinpath(*parts))).answer(request)
            except OSError:
                raise HTTPException(404) from None
        response = await self._others.get_response(path, request.scope)
        response.headers["Cache-Control"] = "no-cache"
        return response
