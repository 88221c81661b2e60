"""Whether a session's look can be had."""

from __future__ import annotations

from livehead.avatars import AvatarStore
from livehead.core.look import Look
from livehead.engine.base import GeneratorInfo
from livehead.errors import UnprocessableError


def check_change(look: Look, before: Look, info: GeneratorInfo, avatars: AvatarStore, owner: str) -> None:
    """The same for a look that is to replace another while it is shown."""
    check_look(look, info, avatars, owner)
    if (look.kind == "transparent") != (before.kind == "transparent"):
        raise UnprocessableError(
            "A call cannot change between a transparent background and another: its pictures would change their size. "
            "Open a new session with this look.",
            problem="look",
        )


def check_look(look: Look, info: GeneratorInfo, avatars: AvatarStore, owner: str) -> None:
    """Raises UnprocessableError for a look that the engine cannot give, and NotFoundError for a picture that is not
    among the owner's avatars."""
    if look.kind not in info.looks:
        can = ", ".join(info.looks)
        raise UnprocessableError(
            f"The {info.name} engine cannot give the background {look.background!r}; it can: {can}.", problem="look"
        )
    if look.kind == "picture":
        avatars.get(look.background, owner)
