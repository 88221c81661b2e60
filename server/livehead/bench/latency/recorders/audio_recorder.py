"""The client's receiving end for audio: when each packet arrived, and how loud it is."""

from __future__ import annotations

import time

from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.bench.latency.recorders.recording import AudioPacket, Recording
from livehead.bench.latency.recorders.recording_receiver import RecordingReceiver
from livehead.bench.latency.stimulus import power
from livehead.media.audio.decoder import AudioDecoder, audio_decoder


class AudioRecorder(RecordingReceiver):
    """Decodes every packet as it arrives."""

    def __init__(self, transport: RTCDtlsTransport, recording: Recording) -> None:
        super().__init__("audio", transport, recording.audio_reports)
        self._recording = recording
        self._decoder: AudioDecoder | None = None

    def take(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        now = time.monotonic()
        if codec.name.lower() != "opus" or not packet.payload:
            return
        if self._decoder is None:
            self._decoder = audio_decoder(codec)
        pcm = self._decoder.decode(packet.payload)
        self._recording.audio_packets.append(
            AudioPacket(self._timestamps(packet.timestamp), now, tuple(power(pcm).tolist()))
        )
