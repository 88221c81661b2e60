"""Samples in, blocks and windows out. Gaps become silence, so that time never slips."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from livehead.core.block import BLOCK_SAMPLES, SAMPLE_RATE, Block, Pcm

MAX_GAP_S = 2.0
"""A longer gap is skipped in whole blocks instead of being filled: nobody wants to see it rendered."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What one step of a generator needs: frames ``k … k + hop - 1`` are made from ``pcm``,
    float32 ``((hop + lookahead) * 640,)``, whose tail of ``lookahead`` blocks comes again at the
    head of the next window."""

    k: int
    hop: int
    lookahead: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class Cut:
    """What became complete: every block once, in order, and the windows that they filled."""

    blocks: tuple[Block, ...] = ()
    windows: tuple[Window, ...] = ()


class Windows:
    """Cuts a stream of samples into blocks, and those into windows of ``hop + lookahead`` blocks.

    Samples carry their absolute index on the session's media timeline. What was there before wins:
    samples that come twice or too late are ignored.

    ``is_speech`` is asked about a block whenever it goes into a window: one that is not is silence there, whatever
    noise it has. While :attr:`paused`, blocks come and no windows are cut: whoever uses them makes windows of known
    silence, and moves :attr:`first` on. Blocks that are already in windows are kept as long as that may be taken back,
    ``kept`` of them. ``hops`` are others that a window may have.
    """

    def __init__(
        self,
        hop: int,
        lookahead: int,
        start_block: int = 0,
        *,
        is_speech: Callable[[int], bool] = lambda k: True,
        kept: int = 0,
        hops: Collection[int] = (),
    ) -> None:
        _check(hop, lookahead)
        self._hops = hops
        self.paused = False
        self._hop = hop
        self._lookahead = lookahead
        self._first_hops: deque[int] = deque()
        self._is_speech = is_speech
        self._kept = kept
        self._next = start_block * BLOCK_SAMPLES
        self._rest: list[Pcm] = []
        self._blocks: deque[Block] = deque()  # the newest, without a gap
        self._first = start_block

    @property
    def hop(self) -> int:
        return self._hop

    @property
    def lookahead(self) -> int:
        return self._lookahead

    @property
    def next_sample(self) -> int:
        """Index of the first sample that has not come yet."""
        return self._next

    @property
    def next_block(self) -> int:
        """The block that is being filled."""
        return self._next // BLOCK_SAMPLES

    @property
    def first(self) -> int:
        """The block that the next window begins with: beyond :attr:`next_block` where silence was made ahead."""
        return self._first

    @property
    def oldest(self) -> int:
        """The oldest block that a window can begin with."""
        return self._blocks[0].k if self._blocks else min(self._first, self.next_block)

    @property
    def quiet(self) -> bool:
        """Whether there is no speech in the blocks that have come and are in no window yet."""
        return not any(block.k >= self._first and self._sounds(block) for block in self._blocks)

    def set_hop(self, hop: int, lookahead: int) -> None:
        """From the next window on. Raises ``ValueError`` unless ``hop >= 1`` and ``lookahead >= 0``."""
        _check(hop, lookahead)
        self._hop = hop
        self._lookahead = lookahead
        self._first_hops.clear()

    def begin_with(self, hops: Sequence[int]) -> None:
        """The next windows have these hops, one each, and those after them the usual one again: so they become whole
        at other times. Forgotten where windows begin elsewhere. Raises ``ValueError`` for a hop that is not
        1 … :attr:`hop`: nobody is to wait longer."""
        if any(not 1 <= hop <= self._hop for hop in hops):
            raise ValueError(f"the first windows have hops of 1 to {self._hop}, got {list(hops)}")
        self._first_hops = deque(hops)

    @property
    def whole(self) -> int:
        """The block before which the next window becomes whole."""
        return self._first + self._next_hop + self._lookahead

    def move_to(self, block: int) -> None:
        """The next window begins with ``block``: further on where the blocks before are made otherwise or not at all,
        or further back, as far as :attr:`oldest`."""
        self._first = max(block, self.oldest)
        self._first_hops.clear()
        self._trim()

    def resume(self) -> tuple[Window, ...]:
        """Cut windows again. Returns those that are whole already."""
        self.paused = False
        return self._whole_windows()

    def seek(self, block: int) -> tuple[Window, ...]:
        """Go on at the start of ``block``. The incomplete block before it is dropped. Returns the windows of the blocks
        that are left behind, as short as they can be and filled up with silence, for whoever still wants to show those.
        Raises ``ValueError`` for a block before the next sample: blocks only ever rise."""
        if block * BLOCK_SAMPLES < self._next:
            raise ValueError(f"block {block} lies before sample {self._next}: the timeline only goes forward")
        left: list[Window] = []
        self._first_hops.clear()
        while self._first < self.next_block:
            missing = self.next_block - self._first
            self._first_hops.append(min((hop for hop in self._hops if missing <= hop < self._hop), default=self._hop))
            left.append(self._window())
        self._next = block * BLOCK_SAMPLES
        self._first = block
        self._rest.clear()
        self._blocks.clear()
        return tuple(left)

    def clear(self) -> None:
        """Let go of all blocks; those that are in no window yet are silence there."""
        self._blocks.clear()

    def push(self, start: int, pcm: Pcm) -> Cut:
        """Take samples ``[start, start + len(pcm))``, float32 mono at 16 kHz.

        A gap before ``start`` is filled with silence; across one longer than :data:`MAX_GAP_S` the
        timeline goes on at the block of ``start``. Raises ``ValueError`` for an array that is not one-dimensional.
        """
        if pcm.ndim != 1:
            raise ValueError(f"samples are mono: expected one dimension, got shape {pcm.shape}")
        pcm = pcm[max(0, self._next - start) :]
        start = max(start, self._next)
        if not len(pcm):
            return Cut()
        left: tuple[Window, ...] = ()
        if start - self._next > MAX_GAP_S * SAMPLE_RATE:
            left = self.seek(start // BLOCK_SAMPLES)
        gap = start - self._next
        if gap:
            self._rest.append(np.zeros(gap, np.float32))
        self._rest.append(pcm.astype(np.float32))  # a copy: the caller may reuse its buffer
        first = self._next // BLOCK_SAMPLES
        self._next = start + len(pcm)
        cut = self._cut(first)
        return Cut(cut.blocks, left + cut.windows)

    def _cut(self, first: int) -> Cut:
        count = self._next // BLOCK_SAMPLES - first
        if not count:
            return Cut()
        samples = np.concatenate(self._rest)
        cuts = [samples[i * BLOCK_SAMPLES : (i + 1) * BLOCK_SAMPLES] for i in range(count)]
        rest = samples[count * BLOCK_SAMPLES :]
        self._rest = [rest.copy()] if len(rest) else []
        blocks = tuple(self._block(first + i, cut) for i, cut in enumerate(cuts))
        self._blocks += blocks
        windows = () if self.paused else self._whole_windows()
        self._trim()
        return Cut(blocks, windows)

    def _whole_windows(self) -> tuple[Window, ...]:
        """Those that have all their blocks: more than one where a smaller hop was set a moment ago."""
        windows: list[Window] = []
        while self.whole <= self.next_block:
            windows.append(self._window())
        return tuple(windows)

    def _window(self) -> Window:
        """The next one; what has not come of it is silence."""
        hop = self._next_hop
        pcm = np.zeros((hop + self._lookahead) * BLOCK_SAMPLES, np.float32)
        for block in self._blocks:
            if self._first <= block.k < self.whole and self._sounds(block):
                at = (block.k - self._first) * BLOCK_SAMPLES
                pcm[at : at + BLOCK_SAMPLES] = block.pcm
        window = Window(self._first, hop, self._lookahead, pcm)
        self._first += hop
        if self._first_hops:
            self._first_hops.popleft()
        return window

    @property
    def _next_hop(self) -> int:
        return self._first_hops[0] if self._first_hops else self._hop

    def _block(self, k: int, pcm: Pcm) -> Block:
        return Block(k, pcm, silent=not (self._is_speech(k) and pcm.any()))

    def _sounds(self, block: Block) -> bool:
        return self._is_speech(block.k) and bool(block.pcm.any())

    def _trim(self) -> None:
        """Let go of the oldest blocks that are in windows."""
        while self._blocks and self._blocks[0].k < min(self._first, self.next_block - self._kept):
            self._blocks.popleft()


def _check(hop: int, lookahead: int) -> None:
    if hop < 1 or lookahead < 0:
        raise ValueError(f"hop must be at least 1 and lookahead at least 0, got {hop} and {lookahead}")
