"""The viewers of one session: what it shows and says is encoded once for all of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from livehead.core.block import Pcm
from livehead.core.frame import Frame
from livehead.media.audio.encoding import AudioEncoding
from livehead.media.peer.channel import LABEL
from livehead.media.rtp.clock import MediaClock
from livehead.media.rtp.link_figures import LinkFigures
from livehead.media.video.encoding import VideoEncoding

RECENT = 16
"""Ticks of which it is known that they were sent: more than the encoders and the tracks hold together."""


class Viewing(Protocol):
    """What is asked of a viewer: see :class:`~livehead.media.peer.peer.Peer`."""

    @property
    def channel(self) -> str: ...
    @property
    def concealed_s(self) -> float: ...
    @property
    def malformed(self) -> int: ...
    @property
    def refused(self) -> Counter[str]: ...
    def send_text(self, text: str) -> bool: ...


class Viewers:
    """Peers are viewers from their making to their end. They share ``clock`` and, for each codec that was negotiated
    with any of them, one encoding, which works while somebody takes it.

    ``on_sent`` is called with a tick's index when its frame went to a socket for the first time. ``mark`` is that of
    :class:`~livehead.media.video.encoding.VideoEncoding`. The figures are those of all viewers that are or were there.
    """

    def __init__(self, on_sent: Callable[[int], None] | None = None, mark: bytes | None = None) -> None:
        self.clock = MediaClock()
        self.link = LinkFigures()
        self._on_sent = on_sent
        self._mark = mark
        self._sent: deque[int] = deque(maxlen=RECENT)
        self._video: dict[str, VideoEncoding] = {}
        self._audio: dict[str, AudioEncoding] = {}
        self._last_frame = self._last_audio = -1
        self._viewers: list[Viewing] = []
        self._past_concealed_s = 0.0
        self._past_malformed = 0
        self._past_refused: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._viewers)

    def add(self, viewer: Viewing) -> None:
        """Twice is once."""
        if viewer not in self._viewers:
            self._viewers.append(viewer)

    def remove(self, viewer: Viewing) -> None:
        """Its figures are kept. Twice is once."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            self._past_concealed_s += viewer.concealed_s
            self._past_malformed += viewer.malformed
            self._past_refused += viewer.refused

    def send_frame(self, frame: Frame, index: int) -> None:
        """Send a frame as tick ``index`` of 40 ms. Never blocks; an index that does not rise is ignored."""
        if index > self._last_frame:
            self._last_frame = index
            self.clock.tick(index)
            for encoding in self._video.values():
                encoding.put(index, frame)

    def send_audio(self, pcm: Pcm, index: int) -> None:
        """Send 640 samples as tick ``index``, to those who take audio."""
        if index > self._last_audio:
            self._last_audio = index
            self.clock.tick(index)
            for encoding in self._audio.values():
                encoding.put(index, pcm)

    def send_text(self, text: str) -> None:
        """Send a text to everybody who has a data channel of our name and keeps up."""
        for viewer in tuple(self._viewers):
            if viewer.channel == LABEL:
                viewer.send_text(text)

    def video_encoding(self, codec: RTCRtpCodecParameters) -> VideoEncoding:
        """The one of a negotiated codec. Two profiles of H264 share theirs: it suits both."""
        name = codec.name.lower()
        if name not in self._video:
            self._video[name] = VideoEncoding(codec, self._mark)
        return self._video[name]

    def audio_encoding(self, codec: RTCRtpCodecParameters) -> AudioEncoding:
        """The same for audio."""
        name = codec.name.lower()
        if name not in self._audio:
            self._audio[name] = AudioEncoding(codec)
        return self._audio[name]

    def note_sent(self, index: int) -> None:
        """The frame of tick ``index`` went to some viewer's socket."""
        if index not in self._sent:
            self._sent.append(index)
            if self._on_sent is not None:
                self._on_sent(index)

    @property
    def dropped(self) -> int:
        """Ticks that the encoders were too slow for."""
        video = sum(each.dropped for each in self._video.values())
        return video + sum(each.dropped for each in self._audio.values())

    @property
    def encoded_frames(self) -> Counter[str]:
        """Frames that were encoded, by codec, however many viewers took each."""
        return Counter({name: encoding.encoded for name, encoding in self._video.items()})

    @property
    def encoded_audio(self) -> Counter[str]:
        """The same for ticks of audio."""
        return Counter({name: encoding.encoded for name, encoding in self._audio.items()})

    def take_encode_times(self) -> dict[str, list[float]]:
        """How long frames and ticks of audio took to encode since this was last asked, in seconds, by codec."""
        video = {name: encoding.take_times() for name, encoding in self._video.items()}
        return video | {name: encoding.take_times() for name, encoding in self._audio.items()}

    @property
    def concealed_s(self) -> float:
        """Seconds of the viewers' voices that did not come in time and were made up."""
        return self._past_concealed_s + sum(each.concealed_s for each in self._viewers)

    @property
    def malformed(self) -> int:
        """Packets that nobody could read."""
        return self._past_malformed + sum(each.malformed for each in self._viewers)

    @property
    def refused(self) -> Counter[str]:
        """Packets that were not read, by reason."""
        return sum((each.refused for each in self._viewers), self._past_refused.copy())
