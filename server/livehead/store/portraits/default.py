"""What ``default`` shows: the portrait that was set, or the one of the FlashHead examples, or the drawn one."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from livehead.avatars import DEFAULT_ID, Avatar, builtin_avatars, read_image
from livehead.errors import LiveheadError, PortraitError, UsageError
from livehead.settings import Settings
from livehead.store.portraits.decoding import PortraitDecoder
from livehead.vendor.sources import DEFAULT_PORTRAIT

logger = logging.getLogger(__name__)


def find_default(settings: Settings, decoder: PortraitDecoder) -> Avatar | None:
    """None where it is the drawn one. Blocks.

    Raises UsageError where the portrait that was set is neither a file nor the id of a built-in one, and PortraitError
    where it is no picture of a face. A fetched one that cannot be used is left out, with a line in the log.
    """
    name = settings.store.portrait
    if name is not None:
        return _find_set(name, decoder)
    fetched = settings.engine.vendor_dir / DEFAULT_PORTRAIT
    if not fetched.is_file():
        return None
    try:
        return _prepare(fetched, decoder)
    except LiveheadError as error:
        logger.warning("the drawn portrait stays the default one: %s", error)
        return None


def _find_set(name: str, decoder: PortraitDecoder) -> Avatar:
    path = Path(name)
    if path.is_file():
        return _prepare(path, decoder)
    builtin = {avatar.id: avatar for avatar in builtin_avatars()}
    if name not in builtin:
        raise UsageError(
            f"--portrait: there is no image at {name}. Check the path, or name a built-in one: {', '.join(builtin)}."
        )
    return dataclasses.replace(builtin[name], id=DEFAULT_ID)


def _prepare(path: Path, decoder: PortraitDecoder) -> Avatar:
    try:
        portrait = decoder.prepare_now(read_image(path))
    except LiveheadError as error:
        raise PortraitError(f"{path}: {error}") from error
    return Avatar(
        id=DEFAULT_ID,
        name=path.stem.replace("_", " ").strip().capitalize() or "Default",
        width=portrait.side,
        height=portrait.side,
        path=path,
        media_type="image/webp",
        builtin=True,
        version=portrait.digest[:32],
        check=portrait.check,
        held=portrait.image,
    )
