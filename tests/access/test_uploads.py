"""How many uploads may come, and how many at once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from livehead.access.access import UPLOADS_AT_ONCE, UPLOADS_OF_ADDRESS, Access
from livehead.core.identity import Identity
from livehead.errors import RateLimitError, UnavailableError
from livehead.settings import load


def make(uploads_per_minute: float = 1000) -> Access:
    return Access(load({"uploads_per_minute": uploads_per_minute}))


def begin(access: Access, stack: ExitStack, address: str) -> None:
    stack.enter_context(access.uploading(Identity(address)))


def test_a_minutes_worth_may_come_at_once() -> None:
    access = make(uploads_per_minute=12)
    for _ in range(12):
        with access.uploading(Identity("192.0.2.1")):
            pass
    with pytest.raises(RateLimitError, match="12 a minute") as refusal:
        access.uploading(Identity("192.0.2.1")).__enter__()
    assert refusal.value.retry_after == pytest.approx(5, abs=0.5)


def test_one_address_leaves_room_for_others_and_all_together_have_an_end() -> None:
    access = make()
    with ExitStack() as stack:
        for network in range(UPLOADS_AT_ONCE // UPLOADS_OF_ADDRESS):
            for _ in range(UPLOADS_OF_ADDRESS):
                begin(access, stack, f"192.0.2.{network}")
            with pytest.raises(UnavailableError):
                begin(access, stack, f"192.0.2.{network}")
        with pytest.raises(UnavailableError):
            begin(access, stack, "192.0.2.200")
    with ExitStack() as stack:
        begin(access, stack, "192.0.2.200")  # all places are free again


def test_an_upload_that_fails_gives_its_place_back() -> None:
    access = make()
    for _ in range(UPLOADS_OF_ADDRESS + 1):
        with pytest.raises(ValueError, match="broken"), access.uploading(Identity("192.0.2.1")):
            raise ValueError("broken")
