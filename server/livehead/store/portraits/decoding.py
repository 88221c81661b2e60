"""Pictures of strangers are decoded in a process of their own, which is limited, and ends with the picture.

A process is never used for two pictures: one that a broken file has damaged must not see the next one, which may be of
somebody else. Starting one takes 0.3 s of a core, most of it imports, and uploads are rare.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from pydantic import ValidationError

from livehead.core.portrait_check import Crop
from livehead.decoder_process import DecoderProcess, Ended
from livehead.errors import LiveheadError, PortraitError, UnavailableError
from livehead.image_decoding import check_file
from livehead.store.portraits.confinement import MAX_OUTPUT, SECONDS
from livehead.store.portraits.messages import Order, Result, SentCrop
from livehead.store.portraits.preparation import Inspection, PreparedPortrait

AT_ONCE = 2
WAITING = 8
"""Pictures that are decoded at once, and that wait for it; more are refused."""

PROGRAM = (sys.executable, "-P", "-m", "livehead.store.portraits.decoder")

logger = logging.getLogger(__name__)


class PortraitDecoder:
    """All of a server's: at most :data:`AT_ONCE` processes, each of which this object waits for. :meth:`close` ends
    those that run."""

    def __init__(self, program: tuple[str, ...] = PROGRAM, *, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        """``program`` is the command that decodes; tests have others."""
        self._program = program
        self._places = at_once + waiting
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="portraits")
        self._lock = threading.Lock()
        self._running: set[DecoderProcess] = set()
        self._closed = False

    async def inspect(self, data: bytes, crop: Crop | None = None) -> Inspection:
        """What there is to say of a picture. Raises as :meth:`prepare`, but for ``no-face``."""
        result, _ = await self._run(Order(keep=False, crop=_sent(crop)), data)
        assert result.check is not None
        square = None if result.crop is None else result.crop.to_crop()
        return Inspection(result.width, result.height, square, result.check.to_check(square))

    async def prepare(self, data: bytes, crop: Crop | None = None) -> PreparedPortrait:
        """A portrait of a picture. Raises TooLargeError, UnsupportedTypeError and PortraitError, the last also for a
        picture that takes more than its process may have; UnavailableError where too many wait."""
        return _portrait(*await self._run(Order(keep=True, crop=_sent(crop)), data))

    def prepare_now(self, data: bytes) -> PreparedPortrait:
        """The same, blocking, before the event loop runs."""
        return _portrait(*self._decode(Order(keep=True), data))

    async def close(self) -> None:
        """End the processes that run, and refuse more. May be called twice."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def _run(self, order: Order, data: bytes) -> tuple[Result, bytes]:
        check_file(data)  # most of what is no picture needs no process
        if self._places <= 0 or self._closed:
            raise UnavailableError("Too many pictures are being decoded. Try again in a moment.", retry_after=2.0)
        self._places -= 1
        loop = asyncio.get_running_loop()
        future = self._threads.submit(self._decode, order, data)
        future.add_done_callback(lambda _: self._give_back(loop, future))
        return await asyncio.wrap_future(future)

    def _give_back(self, loop: asyncio.AbstractEventLoop, future: Future[tuple[Result, bytes]]) -> None:
        """The place is taken until the process has ended, even where nobody waits for the result any more."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._add_place)

    def _add_place(self) -> None:
        self._places += 1

    def _decode(self, order: Order, data: bytes) -> tuple[Result, bytes]:
        """Runs a process from its start to its end."""
        ended = self._wait_for((*self._program, order.model_dump_json()), data)
        if ended.code != 0:
            raise self._failure(ended.code, ended.complaint)
        line, _, files = ended.output.partition(b"\n")
        try:
            result = Result.model_validate_json(line)
        except ValidationError as error:
            raise self._failure(0, str(error)) from None
        if result.refusal is not None:
            raise result.refusal.to_error()
        if result.check is None or result.image + result.thumbnail != len(files):
            raise self._failure(0, "its result is not whole")
        return result, files

    def _wait_for(self, command: tuple[str, ...], data: bytes) -> Ended:
        process = DecoderProcess(command, most=MAX_OUTPUT + 1, seconds=SECONDS)
        with self._lock:
            if self._closed:
                raise UnavailableError("The server is shutting down.")
            self._running.add(process)
        try:
            return process.run(data)
        finally:
            with self._lock:
                self._running.discard(process)

    def _failure(self, code: int, complaint: str) -> Exception:
        if self._closed:
            return UnavailableError("The server is shutting down.")
        if code < 0:
            ended = signal.Signals(-code).name
            logger.warning("a picture's decoder was ended by %s: %s", ended, json.dumps(complaint))
            return PortraitError(
                f"The image cannot be decoded within {SECONDS} seconds and the memory there is for it. Save it anew, "
                "1024 by 1024 pixels are plenty."
            )
        logger.error("a picture's decoder failed with exit code %d: %s", code, complaint)
        return DecoderError("The program that decodes pictures failed; the server's log has the details.")


class DecoderError(LiveheadError):
    """A fault of ours: not the picture is to blame."""


def _sent(crop: Crop | None) -> SentCrop | None:
    return None if crop is None else SentCrop.of(crop)


def _portrait(result: Result, files: bytes) -> PreparedPortrait:
    assert result.check is not None
    assert result.crop is not None
    crop = result.crop.to_crop()
    return PreparedPortrait(
        side=result.width,
        crop=crop,
        check=result.check.to_check(crop),
        digest=result.digest,
        image=files[: result.image],
        thumbnail=files[result.image :],
    )
