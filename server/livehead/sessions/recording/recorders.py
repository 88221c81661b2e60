"""Which recorder a session gets."""

from __future__ import annotations

from livehead.core.identity import Identity
from livehead.engine.base import GeneratorInfo
from livehead.errors import UnprocessableError
from livehead.sessions.recording.base import NoRecorder, Recorder
from livehead.sessions.request import SessionRequest


class SessionRecorders:
    """Implements :class:`~livehead.sessions.recording.base.Recorders`."""

    def make(self, session: str, request: SessionRequest, opened_by: Identity, info: GeneratorInfo) -> Recorder:
        if request.record == "off":
            return NoRecorder()
        raise UnprocessableError(f"record={request.record} is not there yet.")
