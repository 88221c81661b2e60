"""What the transport relies on in its libraries is looked for at the start."""

from __future__ import annotations

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from livehead.transport import private_names


def test_the_installed_versions_have_it_all() -> None:
    private_names.check_private_names()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(HttpToolsProtocol, "on_body")
    monkeypatch.setitem(private_names.FIELDS, HttpToolsProtocol, "cycle old_field")
    with pytest.raises(RuntimeError, match=r"HttpToolsProtocol\.old_field, HttpToolsProtocol\.on_body"):
        private_names.check_private_names()
