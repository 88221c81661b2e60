"""The models of voice activity detection: one for each viewer's microphone, as each remembers what it has heard."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future

from livehead.errors import MediaError
from livehead.logs import SessionLog
from livehead.media.audio.activity import SpeechDetector
from livehead.media.encoding_pool import encoding_pool
from livehead.sessions.hearing.viewer_voice import ViewerVoice


class Models:
    """Loads them in threads, one after the other. Where one cannot be loaded, that is logged once, and nobody is heard
    speaking from then on. With ``early`` the first is loaded before anybody needs it."""

    def __init__(self, log: SessionLog, *, early: bool = False) -> None:
        self._log = log
        self._early = early
        self._spare: SpeechDetector | None = None
        self._wanted: deque[ViewerVoice] = deque()
        self._given: dict[ViewerVoice, SpeechDetector] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        try:
            if self._early:
                self._spare = await _load_model()
            while True:
                if self._wanted:
                    await self._load(self._wanted.popleft())
                else:
                    self._changed.clear()
                    await self._changed.wait()
        except MediaError as error:
            self._log.error("voice activity is not detected: %s", error)
        finally:
            for voice in list(self._given):
                self.take(voice)
            if self._spare is not None:
                encoding_pool().submit(self._spare.close)

    def give(self, voice: ViewerVoice) -> None:
        """This voice needs one."""
        voice.wants_model = True
        if self._spare is not None:
            self._given[voice] = voice.detect = self._spare
            self._spare = None
            return
        self._wanted.append(voice)
        self._changed.set()

    def take(self, voice: ViewerVoice) -> None:
        """It needs none any more. Twice is once."""
        voice.wants_model = False
        voice.detect = None
        model = self._given.pop(voice, None)
        if model is not None:
            encoding_pool().submit(model.close)

    async def _load(self, voice: ViewerVoice) -> None:
        if not voice.wants_model:
            return
        model = await _load_model()
        if voice.wants_model:
            self._given[voice] = model
            voice.detect = model
        else:
            encoding_pool().submit(model.close)


async def _load_model() -> SpeechDetector:
    """One more, from a thread. One that nobody waits for any more is freed by a thread, too: where many calls end while
    they begin, that is far too much for the event loop."""
    loading = encoding_pool().submit(SpeechDetector)
    try:
        return await asyncio.wrap_future(loading)
    except asyncio.CancelledError:
        loading.add_done_callback(_free)
        raise


def _free(loading: Future[SpeechDetector]) -> None:
    if not loading.cancelled() and loading.exception() is None:
        encoding_pool().submit(loading.result().close)
