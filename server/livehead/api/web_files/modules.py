"""JavaScript modules as one: a page that needs forty of them asks for one file."""

from __future__ import annotations

import os
import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";$', re.MULTILINE)
_REEXPORT = re.compile(r'^export \{([^}]*)\} from "(\.[^"]+)";$', re.MULTILINE)
_DECLARED = re.compile(r"^export ((?:async )?function\*?|class|const) (\w+)", re.MULTILINE)
_DYNAMIC = re.compile(r'\bawait import\("(\.[^"]+)"\)')
_NOTHING = re.compile(r"^export \{\};$", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*\n", re.MULTILINE)
_RENAMED = re.compile(r"\s+as\s+")


def bundle(entry: Path) -> str:
    """The module ``entry`` and all that it imports, each once and in order, as one module. Reads files.

    Every module becomes a function that is called where it stands and returns what the module exports (ECMA-262
    section 16.2). That is enough for modules that import by name and export declarations that never change; nothing
    is parsed, and nothing left out but comments that have lines of their own. Raises ``ValueError`` for a module
    written otherwise, and for one that imports itself by way of others.
    """
    return _Bundle(entry.parent).of(entry)


class _Bundle:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[Path, int] = {}
        self._parts: list[str] = []
        self._reading: list[Path] = []

    def of(self, entry: Path) -> str:
        self._add(entry)
        return "\n".join(self._parts)

    def _add(self, path: Path) -> str:
        """The name under which what the module exports is known."""
        path = Path(os.path.normpath(path))
        if path in self._reading:
            raise ValueError(f"{path.name} imports itself by way of {self._reading[-1].name}")
        if path not in self._numbers:
            self._reading.append(path)
            code, exports = self._read(path)
            self._reading.pop()
            self._numbers[path] = len(self._numbers)
            name = os.path.relpath(path, self._folder)
            self._parts.append(
                f"// {name}\nconst {self._name(path)} = (() => {{\n{code}return {{ {exports} }};\n}})();"
            )
        return self._name(path)

    def _name(self, path: Path) -> str:
        return f"$module{self._numbers[path]}"

    def _read(self, path: Path) -> tuple[str, str]:
        """The module's code without imports and exports, and what it exports as an object's properties."""
        code = _COMMENT.sub("", path.read_text("utf-8"))
        exports = [found[2] for found in _DECLARED.finditer(code)]

        def imported(found: re.Match[str]) -> str:
            names = ", ".join(_RENAMED.sub(": ", name.strip()) for name in found[1].split(",") if name.strip())
            return f"const {{ {names} }} = {self._add(path.parent / found[2])};"

        def reexported(found: re.Match[str]) -> str:
            module = self._add(path.parent / found[2])
            for name in filter(None, (each.strip() for each in found[1].split(","))):
                inside, _, outside = _RENAMED.sub(" ", name).partition(" ")
                exports.append(f"{outside or inside}: {module}.{inside}")
            return ""

        code = _IMPORT.sub(imported, code)
        code = _REEXPORT.sub(reexported, code)
        code = _DYNAMIC.sub(lambda found: self._add(path.parent / found[1]), code)
        code = _NOTHING.sub("", _DECLARED.sub(r"\1 \2", code))
        if left := _LEFT.search(code):
            raise ValueError(f"{path.name} has a line that cannot be bundled: {left[0]}")
        return code, ", ".join(exports)
