"""A client's data channel: short texts both ways."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiortc import RTCDataChannel, RTCPeerConnection

from livehead.media.peer.client_traffic import ClientTraffic

logger = logging.getLogger(__name__)

LABEL = "livehead"
"""Its name, unless the client's protocol has another."""

MAX_MESSAGE = 64 * 1024
"""Longest text that is accepted, in characters; longer ones are dropped."""

MAX_BUFFERED = 256 * 1024
"""Bytes that may wait for a slow client. Past that texts are not sent."""

MAX_CHANNELS = 4
"""Data channels that a client may have open, of whatever name; any further ones are closed."""


class Channel:
    """The client's channel with this ``label``, or the one that :meth:`open` makes. ``on_message`` gets every text
    that ``traffic`` allows."""

    def __init__(
        self, pc: RTCPeerConnection, label: str, on_message: Callable[[str], None] | None, traffic: ClientTraffic
    ) -> None:
        self._pc = pc
        self.label = label
        self._on_message = on_message
        self._traffic = traffic
        self._channel: RTCDataChannel | None = None
        self._open = 0
        pc.on("datachannel", self._on_channel)

    @property
    def wanted(self) -> bool:
        """Whether data channels were negotiated and none of ours is there."""
        return self._pc.sctp is not None and self._channel is None

    def open(self) -> None:
        """Open it from this side."""
        self._use(self._pc.createDataChannel(self.label))

    def send(self, text: str) -> bool:
        """``False`` where there is no channel yet, or the client does not keep up."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > MAX_BUFFERED:
            return False
        channel.send(text)
        return True

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._open >= MAX_CHANNELS:
            channel.close()
            return
        self._open += 1
        channel.on("close", self._on_close)
        self._use(channel)

    def _on_close(self) -> None:
        self._open -= 1

    def _use(self, channel: RTCDataChannel) -> None:
        if channel.label == self.label:
            self._channel = channel
            channel.on("message", self._on_text)

    def _on_text(self, message: str | bytes) -> None:
        if not self._traffic.allows_text():
            return
        if self._on_message is None or not isinstance(message, str) or len(message) > MAX_MESSAGE:
            return
        try:
            self._on_message(message)
        except Exception:
            # This is called from inside the transport's own task, which must not end with it.
            logger.exception("a message on the data channel could not be handled")
