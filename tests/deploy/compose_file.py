"""deploy/compose.yaml as Docker Compose reads it: its variables are replaced by those of an environment file (the
compose specification, "Interpolation")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from dotenv import dotenv_values

from pages import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
EXAMPLE = DEPLOY / ".env.example"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<other>(?:[^{}$]|\$\{[^{}]*\})*))?\}")


class Unset(Exception):
    """A variable that must be set is not."""


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``; a default may hold one more."""

    def value(found: re.Match[str]) -> str:
        given = environment.get(found["name"], "")
        if given or found["kind"] is None:
            return given
        if found["kind"] == ":?":
            raise Unset(f"{found['name']}: {found['other']}")
        return interpolate(found["other"], environment)

    return _VARIABLE.sub(value, text)


def example(**more: str) -> dict[str, str]:
    """.env.example, with what it leaves to the reader."""
    given = {name: value or "" for name, value in dotenv_values(EXAMPLE).items()}
    secrets = {"TURN_SECRET": "t" * 64, "TOKEN_SECRET": "k" * 64, "GRAFANA_PASSWORD": "a password"}
    return given | secrets | more


def services(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Raises Unset. Comments are no part of what is interpolated."""
    return _replaced(yaml.safe_load(COMPOSE.read_text())["services"], environment)  # type: ignore[no-any-return]


def _replaced(node: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _replaced(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [_replaced(value, environment) for value in node]
    return interpolate(node, environment) if isinstance(node, str) else node
