"""The programs of deploy/supply, as modules."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from pages import ROOT

SUPPLY = ROOT / "deploy/supply"


def program(name: str) -> Any:
    if str(SUPPLY) not in sys.path:
        sys.path.append(str(SUPPLY))
    return importlib.import_module(name)


locks = program("locks")
