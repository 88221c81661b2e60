"""A real Prometheus for tests, and the collector that traces are sent to."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CONFIGURATION = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
scrape_configs:
  - job_name: livehead
    static_configs: [{{ targets: ["{target}"] }}]
"""


class Prometheus:
    """One that runs, and knows the server at one address."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def series(self, expression: str) -> list[dict[str, Any]]:
        """What an expression gives now. Fails for one that cannot be read."""
        answer = self._client.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        result = answer["data"]["result"]
        return result if isinstance(result, list) else [result]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = self._client.get("/api/v1/alerts").json()["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    def rules(self) -> list[dict[str, Any]]:
        groups = self._client.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextlib.contextmanager
def prometheus(folder: Path, *, target: str, rules: Path) -> Iterator[Prometheus]:
    """Start one that scrapes the server at ``target`` once a second."""
    command = shutil.which("prometheus")
    assert command is not None, "apt-get install prometheus"
    configuration = folder / "prometheus.yml"
    configuration.write_text(CONFIGURATION.format(rules=rules, target=target))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([command, *options, f"--web.listen-address=127.0.0.1:{port}"], stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        while not _ready(url):
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            assert time.monotonic() < until, "Prometheus is not ready"
            time.sleep(0.1)
        with httpx.Client(base_url=url, timeout=30) as client:
            yield Prometheus(client)
    finally:
        process.kill()
        process.wait()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


class Collector:
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.resources.append({each.key: each.value.string_value for each in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
