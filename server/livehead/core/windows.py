"""Samples in, blocks and windows out. Gaps become silence, so that time never slips."""

from __future__ import annotations

from collections import deque
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
    samples that come twice or too late are ignored. Memory is bounded by one window and one block.
    """

    def __init__(self, hop: int, lookahead: int, start_block: int = 0) -> None:
        _check(hop, lookahead)
        self._hop = hop
        self._lookahead = lookahead
        self._next = start_block * BLOCK_SAMPLES
        self._rest: list[Pcm] = []
        self._held: deque[Block] = deque()

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

    def set_hop(self, hop: int, lookahead: int) -> None:
        """From the next window on. Raises ``ValueError`` unless ``hop >= 1`` and ``lookahead >= 0``."""
        _check(hop, lookahead)
        self._hop = hop
        self._lookahead = lookahead

    @property
    def whole(self) -> int:
        """The block before which the next window becomes whole."""
        first = self._held[0].k if self._held else self.next_block
        return first + self._hop + self._lookahead

    def seek(self, block: int) -> tuple[Window, ...]:
        """Go on at the start of ``block``. The incomplete block before it is dropped. Returns the windows of the blocks
        that are left behind, filled up with silence, for whoever still wants to show those.
        Raises ``ValueError`` for a block before the next sample: blocks only ever rise."""
        if block * BLOCK_SAMPLES < self._next:
            raise ValueError(f"block {block} lies before sample {self._next}: the timeline only goes forward")
        left: list[Window] = []
        while self._held:
            span = [each.pcm for each in self._held][: self._hop + self._lookahead]
            silence = np.zeros((self._hop + self._lookahead - len(span)) * BLOCK_SAMPLES, np.float32)
            left.append(Window(self._held[0].k, self._hop, self._lookahead, np.concatenate([*span, silence])))
            for _ in range(min(self._hop, len(self._held))):
                self._held.popleft()
        self._next = block * BLOCK_SAMPLES
        self._rest.clear()
        return tuple(left)

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
        blocks = tuple(Block(first + i, cut) for i, cut in enumerate(cuts))
        windows: list[Window] = []
        for block in blocks:
            self._held.append(block)
            # a smaller hop set a moment ago may leave more than one window's worth
            while len(self._held) >= self._hop + self._lookahead:
                windows.append(self._window())
        return Cut(blocks, tuple(windows))

    def _window(self) -> Window:
        span = [self._held[i].pcm for i in range(self._hop + self._lookahead)]
        window = Window(self._held[0].k, self._hop, self._lookahead, np.concatenate(span))
        for _ in range(self._hop):
            self._held.popleft()
        return window


def _check(hop: int, lookahead: int) -> None:
    if hop < 1 or lookahead < 0:
        raise ValueError(f"hop must be at least 1 and lookahead at least 0, got {hop} and {lookahead}")
