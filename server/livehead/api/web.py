"""The demo page at ``/``, the client modules at ``/client/`` and the page of the API at ``/docs``.

They are the same files for everybody and hold no data, so none needs a key: what a page shows it asks the API for.

The files are in the package (``livehead/web``) where it was installed from a wheel, and in the
checkout's ``web/`` otherwise, so that an edit shows at the next reload.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

import livehead
from livehead.api.guard import Guard, Needs

FOLDERS = ("client", "demo", "docs")

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
    demo = StaticFiles(directory=web / "demo", html=True)
    client = StaticFiles(directory=web / "client")
    docs = StaticFiles(directory=web / "docs")

    @router.api_route("/client/{path:path}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def client_module(path: str, request: Request) -> Response:
        return await _file(client, path, request)

    @router.api_route("/docs", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def docs_page(request: Request) -> Response:
        return await _file(docs, "index.html", request)

    @router.api_route("/docs/{path:path}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def docs_file(path: str, request: Request) -> Response:
        return await _file(docs, path, request)

    @router.api_route("/{path:page}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
    async def demo_page(path: str, request: Request) -> Response:
        return await _file(demo, path or ".", request)

    return router


async def _file(files: StaticFiles, path: str, request: Request) -> Response:
    if any(part.startswith(".") and part != "." for part in path.split("/")):
        raise HTTPException(404)
    response = await files.get_response(path, request.scope)
    response.headers["Cache-Control"] = "no-cache"  # revalidated by ETag: page and modules never differ in version
    return response
