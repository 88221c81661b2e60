"""Clients with the offers that publishers and viewers make, and what they check."""

from __future__ import annotations

import httpx

from backend import listener
from caller import Caller, Speech, silence

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


def publisher(speech: Speech = silence) -> Caller:
    """A microphone and nothing else, as WHIP publishers have it."""
    caller = Caller(speech, videos=0)
    caller.peer.getTransceivers()[0].direction = "sendonly"
    return caller


def camera() -> Caller:
    """A microphone and a camera, both only sent."""
    caller = publisher()
    caller.peer.addTransceiver("video", direction="sendonly")
    return caller


def speaking_viewer(speech: Speech) -> Caller:
    """A viewer that may be heard, too."""
    return Caller(speech)


__all__ = ["FRAGMENT", "SDP", "camera", "listener", "problem", "publisher", "speaking_viewer"]


def problem(answer: httpx.Response, status: int) -> None:
    """A problem document whose detail a person can read."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert len(answer.json()["detail"]) > 15
