"""Livehead in a pipeline of Pipecat: extra ``pipecat``. See docs/pipecat.md."""

from livehead.integrations.pipecat.video_service import LiveheadVideoService

__all__ = ["LiveheadVideoService"]
