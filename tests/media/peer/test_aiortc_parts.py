"""The seam to aiortc's private parts: a missing name is said."""

from __future__ import annotations

import pytest
from aiortc.rtcdtlstransport import RTCDtlsTransport

from livehead.media.peer.aiortc_parts import check_private_names


async def test_the_installed_versions_have_every_name() -> None:
    check_private_names.__wrapped__()


async def test_a_name_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCDtlsTransport, "_handle_rtcp_data")
    with pytest.raises(RuntimeError, match=r"RTCDtlsTransport\._handle_rtcp_data.*Install"):
        check_private_names.__wrapped__()
