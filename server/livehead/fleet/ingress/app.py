"""The ingress as an ASGI application: one address for all replicas."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from livehead.fleet.directory import Directory
from livehead.fleet.ingress.settings import IngressSettings


def create_ingress(directory: Directory, settings: IngressSettings | None = None) -> ASGIApp:
    """Its lifespan watches the replicas, so whoever runs it must run that: uvicorn does, and Ray Serve.

    Raises UsageError for a trusted proxy that is none.
    """
    del directory, settings
    return Starlette()
