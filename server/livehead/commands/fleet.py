"""``livehead fleet``: several servers behind one address, on Ray."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livehead.access.exposure import check_exposure
from livehead.commands.options import Number, Option, Whole, add_options, add_settings, read, settings_from
from livehead.commands.serve import SETTINGS
from livehead.errors import LiveheadError, UsageError
from livehead.fleet.ingress.serve import read_replicas, serve_ingress
from livehead.settings import Settings
from livehead.transport.tls import verify_tls_files

RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_COLOR_PREFIX": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "RAY_raylet_start_wait_time_s": "300",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    "RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S": "1",
}
"""Environment of a Ray that is started here: it reports to nobody, its log can be read, a replica without a card sees
none, it may take its time to start, the load is known within a second, and a machine that is busy for a moment is no
reason for a warning."""

OWN = {"host", "port", "tls_cert", "tls_key", "drain_seconds", "replica"}
"""Settings of the fleet as a whole."""


def replicas(text: str) -> str:
    """Parses a number of replicas, or the least and the most."""
    if not re.fullmatch(r"[1-9]\d{0,2}(-[1-9]\d{0,2})?", text):
        raise ValueError("a number from 1 to 999, or two, as 2-8")
    return text


OPTIONS = (
    Option("replicas", "N", "Servers; with two numbers, as 2-8, as many as the load takes", replicas, "1"),
    Option(
        "gpus_per_replica",
        "G",
        "Cards of a replica, or its share of one",
        Number(0, 16),
        unset="default: 1 where there are cards",
    ),
    Option(
        "address",
        "ADDRESS",
        "Ray cluster: ray://HOST:10001, HOST:6379, local for a new one on this machine, auto for the one that there is",
        str,
        "auto",
    ),
    Option("warm_room", "N", "With two numbers of replicas: sessions that must always fit", Whole(0, 1000), 1),
    Option(
        "scale_down_seconds",
        "S",
        "With two numbers of replicas: how long one is not needed before it drains",
        Number(1, 86_400),
        600.0,
    ),
    Option(
        "replica_urls",
        "NAME=URL,…",
        "Servers that were started by hand, each with its name as LIVEHEAD_REPLICA; without Ray then",
        str,
    ),
    Option("replica_key", "KEY", "With replica_urls: an API key of theirs, to read what room they have", str),
)


def add(subparsers: Any, common: argparse.ArgumentParser, _words: Sequence[str]) -> None:
    parser = subparsers.add_parser("fleet", parents=[common], help="several servers behind one address, on Ray")
    add_options(parser, OPTIONS)
    add_settings(parser, SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    options = read(args, OPTIONS)
    settings = settings_from(args)
    server = settings.server
    if options.replica_urls is not None:
        serve_ingress(read_replicas(options.replica_urls), settings, key=options.replica_key, debug=args.debug)
        return 0
    check_exposure(settings)
    tls = None
    if server.tls_cert is not None and server.tls_key is not None:
        verify_tls_files(server.tls_cert, server.tls_key)
        tls = str(server.tls_cert.absolute()), str(server.tls_key.absolute())
    shared = given(settings) | {"host": server.host}
    if options.address in ("auto", "local"):
        _check_writable(server.data_dir)
    elif not {"data_dir", "bucket"} & shared.keys():
        raise UsageError(
            f"--data-dir is missing: the machines of {options.address} need a folder that all of them see, at the same "
            "place, or LIVEHEAD_BUCKET."
        )
    for name, value in RAY.items():
        os.environ.setdefault(name, value)
    ray = _import("livehead.fleet.ray.run")
    plan = _import("livehead.fleet.ray.plan").read_plan(
        replicas=options.replicas,
        gpus_per_replica=options.gpus_per_replica,
        warm_room=options.warm_room,
        downscale_seconds=options.scale_down_seconds,
        settings=shared,
    )
    ray.run_fleet(plan, options.address, ray.Door(server.host, server.port, tls), server.drain_seconds)
    return 0


def given(settings: Settings) -> dict[str, str]:
    """The settings of every replica that somebody has given, by name, as their environment has them. Paths are
    absolute: a replica may run elsewhere."""
    found = {}
    for stage in (getattr(settings, name) for name in settings.__dataclass_fields__):
        for name in stage.model_fields_set - OWN:
            value = getattr(stage, name)
            if value is not None:
                found[name] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Path):
        return str(value.absolute())
    return json.dumps(value) if isinstance(value, tuple) else str(value)


def _import(name: str) -> Any:
    """Raises LiveheadError where Ray is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise LiveheadError(
            "Ray is not installed, which starts and watches the servers of a fleet: pip install 'livehead[fleet]'. "
            "One server for one card is `livehead serve`."
        ) from None


def _check_writable(folder: Path) -> None:
    """Raises LiveheadError."""
    mark = folder / f".{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        mark.unlink()
    except OSError as error:
        raise LiveheadError(
            f"The data folder {folder} cannot be written: {error.strerror}. Give its owner's rights to the user that "
            "runs this, or choose another with --data-dir."
        ) from None
