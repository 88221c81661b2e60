"""The streams of a replay file as a generator opens them: a portrait, a seed and a look."""

from __future__ import annotations

from collections import OrderedDict

from livehead.core.look import Look
from livehead.engine.base import Backdrop, Generator
from livehead.engine.look import looks_of, open_stream
from livehead.errors import MediaError
from livehead.replay.events import Opened
from livehead.replay.images import Rgb
from livehead.replay.reader import ReplayFile
from livehead.replay.replayed_stream import ReplayedStream

KEPT = 4
"""Pictures that are kept decoded."""


class Portraits:
    """Makes them for one generator."""

    def __init__(self, file: ReplayFile, generator: Generator) -> None:
        self._file = file
        self._generator = generator
        self._decoded: OrderedDict[int, Rgb] = OrderedDict()

    def stream(self, opened: Opened) -> ReplayedStream:
        """One that is opened when it is first stepped. Raises :class:`~livehead.errors.MediaError` for a look that the
        generator cannot give."""
        look = Look(opened.background)
        info = self._generator.info
        if look.kind not in looks_of(info):
            raise MediaError(
                f"This session's background is {look.background!r}, which the {info.name} engine cannot make. "
                f"Choose another engine; this one can: {', '.join(looks_of(info))}."
            )

        def open_() -> object:
            return open_stream(self._generator, self._image(opened.image), opened.seed, self._backdrop(look, opened))

        return ReplayedStream(self._generator, open_)

    def _backdrop(self, look: Look, opened: Opened) -> Backdrop | None:
        match look.kind:
            case "keep":
                return None
            case "colour":
                return Backdrop("colour", look.rgb)
            case "picture" if opened.picture is not None:
                return Backdrop("picture", picture=self._image(opened.picture))
            case "picture":
                return None
            case kind:
                return Backdrop(kind)

    def _image(self, number: int) -> Rgb:
        if number not in self._decoded:
            self._decoded[number] = self._file.image(number)
            if len(self._decoded) > KEPT:
                self._decoded.popitem(last=False)
        return self._decoded[number]
