"""What every request goes through before its route, from the outside in."""

from __future__ import annotations

from fastapi import FastAPI

from livehead.api.middleware.cors import Cors
from livehead.api.middleware.counting import Counting
from livehead.api.middleware.faults import Faults
from livehead.api.middleware.headers import SecurityHeaders
from livehead.api.middleware.hosts import HostCheck, host_names
from livehead.api.middleware.origins import OriginCheck, Origins
from livehead.api.middleware.trace_parent import TraceParent
from livehead.api.services import Services


def install(app: FastAPI, services: Services) -> None:
    """Add all middleware to ``app``; the last one added is the outermost."""
    server = services.settings.server
    origins = Origins(server.cors_origins)
    names = host_names(server.allowed_hosts, bound=server.host, keys=not services.access.open, insecure=server.insecure)
    app.add_middleware(TraceParent)
    app.add_middleware(Faults)
    app.add_middleware(OriginCheck, origins=origins)
    app.add_middleware(HostCheck, names=names)
    app.add_middleware(Cors, origins=origins)
    app.add_middleware(SecurityHeaders, frame_ancestors=server.frame_ancestors, embedded=bool(server.cors_origins))
    app.add_middleware(Counting, metrics=services.metrics)
