"""Why an installed flash-attn cannot be loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the flashhead extra")

from livehead.engine.flashhead.runtime.survey import flash_attn_fault


def test_an_abi_that_does_not_fit_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "flash_attn", raising=False)
    (tmp_path / "flash_attn.py").write_text("raise ImportError('x.so: undefined symbol: _ZN3c10\\nand more')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert flash_attn_fault() == "x.so: undefined symbol: _ZN3c10"
    (tmp_path / "flash_attn.py").write_text("version = 'a longer one, so that its cached code is not taken for this'\n")
    assert flash_attn_fault() is None
