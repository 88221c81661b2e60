"""Audio files of strangers are decoded in a process of their own, which is limited, and ends with the file."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

from livehead.decoder_process import DecoderProcess, Ended
from livehead.errors import DiskFullError, EngineError, MediaError, TooLargeError, UnavailableError, UnprocessableError
from livehead.render.jobs.audio_decoder import SECONDS

WAITING = 8
"""Files that wait to be decoded, one after the other; more are refused."""

MAX_SAID = 64 * 1024
"""Bytes of what a decoder says that are read; it has a line to say."""

logger = logging.getLogger(__name__)


class DecoderError(EngineError):
    """A fault of ours: not the file is to blame."""

    status = 500
    problem = "internal"
    title = "The server failed"


class AudioDecoder:
    """A server's: one process at a time, which ends when nobody waits for it any more. ``most`` is the longest audio
    that is taken, in seconds."""

    def __init__(self, most: float, *, seconds: float = SECONDS, program: tuple[str, ...] | None = None) -> None:
        """``seconds`` and ``program`` are for tests: how long a process may take, and the command that decodes."""
        self.most = most
        self._seconds = seconds
        self._program = program or (sys.executable, "-P", "-m", "livehead.render.jobs.audio_decoder")
        self._turn = asyncio.Semaphore(1)
        self._places = 1 + WAITING

    async def decode(self, source: Path, target: Path) -> float:
        """Decode a file to WAV, 16 bits at 48 kHz; returns its length in seconds.

        Raises MediaError for what holds no audio, UnprocessableError with the problem ``audio-too-long``,
        TooLargeError for what takes too much memory or time, UnavailableError where too many wait, and DiskFullError.
        """
        if self._places <= 0:
            raise UnavailableError("Too many files are being decoded. Try again in a moment.", retry_after=5.0)
        self._places -= 1
        try:
            async with self._turn:
                return self._read(await self._decode(source, target))
        finally:
            self._places += 1

    def _read(self, found: dict[str, Any]) -> float:
        if "error" in found:
            said = str(found["error"])
            raise MediaError(said[:1].upper() + said[1:])
        if "too_long" in found:
            raise UnprocessableError(
                f"The audio is longer than {self.most:g} seconds, which is the most. Send it in parts.",
                problem="audio-too-long",
            )
        if "no_room" in found:
            raise DiskFullError("There is no room left on the server's disk for the audio. Delete something first.")
        if "empty" in found:
            raise MediaError("The audio is empty. Send a file that holds some.")
        return float(found["seconds"])

    async def _decode(self, source: Path, target: Path) -> dict[str, Any]:
        command = (*self._program, str(source), str(target), repr(self.most))
        process = DecoderProcess(command, most=MAX_SAID, seconds=self._seconds)
        running = asyncio.ensure_future(asyncio.to_thread(process.run))
        try:
            return self._outcome(await asyncio.shield(running))
        except asyncio.CancelledError:
            process.kill()
            await asyncio.wait([running])
            raise

    def _outcome(self, ended: Ended) -> dict[str, Any]:
        if ended.code < 0:
            logger.warning("an audio decoder was ended by signal %d: %s", -ended.code, json.dumps(ended.complaint))
            raise TooLargeError("The audio cannot be decoded in the time and memory there is for it. Save it as WAV.")
        try:
            found = json.loads(ended.output)
        except ValueError:
            found = None
        if ended.code != 0 or not isinstance(found, dict):
            logger.error("an audio decoder failed with exit code %d: %s", ended.code, ended.complaint)
            raise DecoderError("The program that decodes audio failed; the server's log has the details.")
        return found
