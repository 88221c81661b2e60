"""The one rule for the reference code's requirements.txt: nvidia-nccl-cu12 must not be pinned.

The reference code pins nvidia-nccl-cu12 2.27.3 and is made for torch 2.7.1, which requires 2.26.2, so pip finds no
solution (Soul-AILab/SoulX-FlashHead issue 3). Torch brings the version that it needs.
"""

from __future__ import annotations

import re

PACKAGE = "nvidia-nccl-cu12"

_REQUIREMENT = re.compile(rf"^\s*{PACKAGE}\s*(?P<bounds>[=<>!~@][^#]*)?", re.IGNORECASE)


def pinned(text: str) -> str | None:
    """The line that bounds the package's version; None where there is none."""
    for line in text.splitlines():
        found = _REQUIREMENT.match(line)
        if found is not None and found["bounds"]:
            return line.strip()
    return None


def without_pin(text: str) -> str:
    """The same file, with such lines as comments and the bare name below them."""
    lines = []
    for line in text.splitlines(keepends=True):
        found = _REQUIREMENT.match(line)
        if found is not None and found["bounds"]:
            lines += [f"# {line.strip()}\n", f"{PACKAGE}\n"]
        else:
            lines.append(line)
    return "".join(lines)
