"""What the server keeps of the SmallWebRTC form."""

from __future__ import annotations

from livehead.api.small_webrtc.connections import Connections
from livehead.api.small_webrtc.starts import Starts


class SmallWebRtc:
    def __init__(self, replica: str | None = None) -> None:
        self.starts = Starts(replica=replica)
        self.connections = Connections()
