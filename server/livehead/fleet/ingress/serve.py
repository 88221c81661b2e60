"""The ingress by itself, before servers that were started by hand."""

from __future__ import annotations

from collections.abc import Mapping

from livehead.errors import UsageError
from livehead.fleet.directory import MemoryDirectory
from livehead.fleet.ingress.app import create_ingress
from livehead.fleet.ingress.settings import IngressSettings
from livehead.metrics import Metrics
from livehead.origins import read_http_url
from livehead.settings import Settings
from livehead.transport.listening import listen
from livehead.transport.server import Server


def read_replicas(given: str) -> dict[str, str]:
    """Addresses by name, from ``NAME=URL,NAME=URL``. Raises UsageError."""
    directory = MemoryDirectory()
    for each in given.split(","):
        name, _, url = each.strip().partition("=")
        try:
            directory.add(name, read_http_url(url))
        except ValueError as error:
            raise UsageError(f"{each.strip()!r}: {error}. Write replicas as a=http://10.0.0.7:8080,b=…") from None
    return {each.name: each.url for each in directory.replicas()}


def serve_ingress(
    replicas: Mapping[str, str], settings: Settings, *, key: str | None = None, debug: bool = False
) -> None:
    """Until SIGTERM or Ctrl-C, on the address that the settings say. ``replicas`` are addresses by name, and ``key`` is
    one that their room is read with, where they have keys. Raises LiveheadError where it cannot listen."""
    directory = MemoryDirectory()
    for name, url in replicas.items():
        directory.add(name, url)
    server = settings.server
    app = create_ingress(directory, IngressSettings(key, server.trusted_proxies, server.cors_origins))
    listener = listen(server.host, server.port)
    scheme = "https" if server.tls_cert else "http"
    host = f"[{server.host}]" if ":" in server.host else server.host
    print(f"Replicas: {', '.join(replicas)}", flush=True)
    print(f"Livehead is at {scheme}://{host}:{listener.getsockname()[1]}", flush=True)
    Server(app, settings, Metrics(), debug=debug).run(sockets=[listener])
