"""Puts web/ into the standard wheel as livehead/web. An editable install reads the checkout instead,
so that it never serves a stale copy (livehead.api.web looks in the package first, then in the checkout)."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebFiles(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"].update(
                {f"web/{name}": f"livehead/web/{name}" for name in ("client", "demo", "docs")}
            )
