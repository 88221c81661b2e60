"""Bodies of EVENTS records back into events. They may be anybody's: sizes are bounded before anything is unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, Pcm
from livehead.core.limits import MAX_NAME
from livehead.core.windows import Window
from livehead.errors import MediaError
from livehead.media.audio.flac import Samples, decode_flac
from livehead.replay.blocks import KeptBlocks, split
from livehead.replay.encoder import HEAD, Code, Expected
from livehead.replay.events import Event, Interrupted, Made, Opened, Reopened, Rewound, Sent, Submitted
from livehead.replay.varints import Numbers
from livehead.replay.waiting import Waiting

MAX_BODY = 1 << 21
"""Bytes of an unpacked body."""

MAX_BLOCKS = 1024
"""Blocks of audio in one record."""

MAX_EVENTS = 1 << 15
"""Bytes of events in one record."""

MAX_WINDOW = 128
"""Blocks of a window."""

MAX_BATCH = 1024
"""Windows of a step."""

MAX_PAUSE = 250
"""Ticks that may be missing between two: the server stood still for ten seconds. A longer pause counts as this."""

_SILENCE = np.zeros(BLOCK_SAMPLES, np.float32)


class EventDecoder:
    """The counterpart of :class:`~livehead.replay.encoder.EventEncoder`, fed with all bodies in order."""

    def __init__(self) -> None:
        self._next = Expected()
        self._kept = KeptBlocks()
        self._hops: Waiting[int] = Waiting()

    def decode(self, body: bytes) -> Iterator[Event]:
        """One after the other. Raises :class:`~livehead.errors.MediaError` for what an encoder does not write."""
        events, blocks = _unpack(body)
        while events.more:
            code = events.take()
            if code == Code.BLOCKS:
                self._keep(events, blocks)
            else:
                yield self._event(code, events)

    def _keep(self, events: Numbers, blocks: Iterator[Samples]) -> None:
        first = self._next.block + events.take_signed()
        count = events.take(MAX_BLOCKS)
        for k in range(first, first + count):
            samples = next(blocks, None)
            if samples is None:
                raise MediaError("it names more audio than there is")
            self._kept.keep(k, samples)
        self._next.block = first + count

    def _event(self, code: int, events: Numbers) -> Event:
        match code:
            case Code.OPENED:
                stream, image, seed = events.take(), events.take(1 << 20), events.take()
                avatar, background = (_text(events) for _ in range(2))
                picture = events.take(1 << 20)
                return Opened(stream, image, seed, avatar, background, picture - 1 if picture else None)
            case Code.REOPENED:
                return Reopened(events.take())
            case Code.RESUMED:
                return Reopened(events.take(), self._next.k + events.take_signed())
            case Code.SUBMITTED:
                return self._submitted(events)
            case Code.MADE | Code.MADE_AS_ONE | Code.MADE_OLDER:
                return self._made(code, events)
            case Code.REWOUND:
                return Rewound(events.take(), self._next.k + events.take_signed())
            case Code.INTERRUPTED:
                return Interrupted()
            case Code.HELD | Code.SENT:
                return self._sent(code, events)
        raise MediaError(f"there is no event of kind {code}")

    def _submitted(self, events: Numbers) -> Submitted:
        stream, k = events.take(), self._next.window + events.take_signed()
        hop, lookahead = events.take(MAX_WINDOW), events.take(MAX_WINDOW)
        if hop < 1:
            raise MediaError("it has a window without frames")
        self._next.window = k + hop
        self._hops.add(stream, k, hop)
        return Submitted(stream, Window(k, hop, lookahead, self._pcm(k, hop + lookahead)))

    def _made(self, code: int, events: Numbers) -> Made:
        stream, k = events.take(), self._next.made + events.take_signed()
        older = code == Code.MADE_OLDER
        end = k + self._hop(stream, k, older=older)
        batch = events.take(MAX_BATCH) + 1
        place = events.take(batch - 1)
        windows = 1 if code == Code.MADE else events.take(MAX_WINDOW)
        for _ in range(1, windows):
            end += self._hop(stream, end, older=older)
        if windows < 1 or end - k > MAX_WINDOW:
            raise MediaError(f"it has a step of {windows} windows with {end - k} frames")
        self._next.made = end
        return Made(stream, k, batch, place, windows, older)

    def _hop(self, stream: int, k: int, *, older: bool) -> int:
        """That of the window of block ``k``, which is made now."""
        hop = self._hops.take(stream, k, older=older)
        if hop is None:
            raise MediaError("it has frames of a window that there is not")
        return hop

    def _sent(self, code: int, events: Numbers) -> Sent:
        following = self._next
        index = following.index + min(events.take(), MAX_PAUSE)
        following.index = index + 1
        k, pcm = None, _SILENCE
        if code == Code.SENT:
            k = following.k + events.take_signed()
            following.k = k + 1
            pcm = self._pcm(k, 1)
        frame = events.take_signed()
        frame_k = None if frame == 0 else following.k + (frame - 1 if frame > 0 else frame)
        return Sent(index, k, frame_k, pcm)

    def _pcm(self, k: int, count: int) -> Pcm:
        try:
            return self._kept.pcm(k, count)
        except KeyError:
            raise MediaError("the audio of a block is missing") from None


def _unpack(body: bytes) -> tuple[Numbers, Iterator[Samples]]:
    """The events, and the blocks of audio that come with them."""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(body, MAX_BODY)
    except zlib.error:
        raise MediaError("a record cannot be unpacked") from None
    if not inflater.eof or len(plain) < HEAD.size:
        raise MediaError("a record is too large or not whole")
    count, size, frames = HEAD.unpack_from(plain)
    if count > MAX_BLOCKS or size > len(plain) or frames > count + 1:
        raise MediaError("a record has more audio than it may")
    numbers = Numbers(plain[HEAD.size :])
    lengths = [numbers.take(MAX_BODY) for _ in range(frames)]
    if sum(lengths) != size:
        raise MediaError("its audio has another size than it says")
    flac = [numbers.take_raw(length) for length in lengths]
    if numbers.left > MAX_EVENTS:
        raise MediaError("a record has more events than it may")
    return numbers, iter(split(decode_flac(flac, count * BLOCK_SAMPLES)))


def _text(events: Numbers) -> str:
    try:
        text = events.take_bytes(4 * MAX_NAME).decode()
    except UnicodeDecodeError:
        raise MediaError("a name in it is no text") from None
    if len(text) > MAX_NAME or not text.isprintable():
        raise MediaError("a name in it is no text")
    return text
