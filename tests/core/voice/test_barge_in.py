from __future__ import annotations

from livehead.core.messages.from_server import AvatarActivity, UserActivity
from livehead.core.voice.barge_in import BargeIn


def test_a_user_who_begins_while_the_portrait_speaks_interrupts_it_once() -> None:
    interrupts: list[int] = []
    listen = BargeIn(lambda: interrupts.append(1))
    listen(UserActivity("speaking", 0))
    listen(UserActivity("silent", 500))
    assert not interrupts
    listen(AvatarActivity("speaking", 3))
    listen(UserActivity("silent", 600))
    assert not interrupts
    listen(UserActivity("speaking", 900))
    assert len(interrupts) == 1
    listen(AvatarActivity("silent", 9))
    listen(UserActivity("silent", 1500))
    listen(UserActivity("speaking", 2500))
    listen(AvatarActivity("speaking", 20))
    assert len(interrupts) == 1
