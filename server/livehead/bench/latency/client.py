"""One measuring client: a real WebRTC call, in a process of its own so that clients do not disturb each other.

    python -m livehead.bench.latency.client FD

FD is one end of a pipe. The client receives a :class:`ClientSpec`, says ``"ready"``, waits for ``"go"``, calls, says
``"live"`` at the first frame, receives a :class:`MeasuredSpan`, and sends its
:class:`~livehead.bench.latency.recorders.recording.Recording` at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)

from livehead.bench.http import fetch, location, request
from livehead.bench.latency.impairment import Impairment
from livehead.bench.latency.microphone import Microphone
from livehead.bench.latency.recorders.audio_recorder import AudioRecorder
from livehead.bench.latency.recorders.recording import Ping, Recording
from livehead.bench.latency.recorders.recording_receiver import RecordingReceiver
from livehead.bench.latency.recorders.video_recorder import VideoRecorder
from livehead.bench.latency.stimulus import Stimulus, bursts, speech
from livehead.errors import LiveheadError
from livehead.media.peer.aiortc_parts import reach_loopback

CONNECT_S = 20.0
PING_EVERY = 0.25
CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """One client's call. ``audio`` is a file, or None for bursts; ``seconds`` is how much audio there must be; ``loss``
    is a share, ``rate_kbit`` kilobits a second each way. ``key`` is an API key or a token, for a server that needs
    one. With ``relay`` the media go through the server's TURN relay, and no other way."""

    url: str
    latency: str | None
    audio: Path | None
    seconds: float
    loss: float
    jitter_ms: float
    seed: int
    rate_kbit: float | None = None
    key: str | None = None
    relay: bool = False

    @property
    def stimulus(self) -> Stimulus:
        if self.audio is not None:
            return speech(self.audio, self.seconds)
        return bursts(self.seconds, self.seed)


@dataclass(frozen=True, slots=True)
class MeasuredSpan:
    """Frames between these monotonic times count; then the call ends."""

    begins: float
    ends: float


class Client:
    def __init__(self, spec: ClientSpec, stimulus: Stimulus) -> None:
        self.recording = Recording()
        self._spec = spec
        self._impairment = Impairment(spec.loss, spec.jitter_ms, spec.seed, spec.rate_kbit)
        self._microphone = Microphone(stimulus)
        self._live = asyncio.Event()
        self._pings: dict[int, float] = {}
        self._session: str | None = None
        self._offered = 0.0

    async def call(self, pipe: Connection) -> None:
        """Raises LiveheadError if the server refuses or no frame arrives."""
        policy = RTCIceTransportPolicy.RELAY if self._spec.relay else RTCIceTransportPolicy.ALL
        servers = await self._ice_servers()
        pc = RTCPeerConnection(RTCConfiguration(servers, policy, RTCBundlePolicy.MAX_BUNDLE))
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connect(pc)
                await self._live.wait()
            pipe.send("live")
            async with asyncio.timeout(CONNECT_S * 2):
                measure: MeasuredSpan = await asyncio.to_thread(pipe.recv)
            self.recording.begins, self.recording.ends = measure.begins, measure.ends
            await asyncio.sleep(max(0.0, measure.ends - time.monotonic()))
            self.recording.began = self._microphone.began
        except TimeoutError:
            state = "connected, but no frame arrived" if self.recording.connect_s else f"ICE is {pc.iceConnectionState}"
            raise LiveheadError(f"no frame within {CONNECT_S:.0f} s: {state}") from None
        finally:
            await self._end(pc)

    async def _connect(self, pc: RTCPeerConnection) -> None:
        pc.addTrack(self._microphone)
        pc.addTransceiver("video", direction="recvonly")
        audio, video = pc.getTransceivers()
        _equip(audio, AudioRecorder(audio.receiver.transport, self.recording))
        _equip(video, VideoRecorder(video.receiver.transport, self.recording, self._on_first))
        channel = pc.createDataChannel("livehead")
        channel.on("message", self._on_text)
        pinging = asyncio.create_task(self._ping(channel), name="ping")
        pc.on("connectionstatechange", lambda: self._on_state(pc, pinging))
        if not self._spec.relay:
            reach_loopback(pc)
        await pc.setLocalDescription(await pc.createOffer())
        if self._spec.relay and " typ relay" not in pc.localDescription.sdp:
            raise LiveheadError("the TURN relay gave no address: it does not answer, or it refuses the credentials")
        self._impairment.install(pc)
        parameters = {"probe": "1", "voice": "on", "latency": self._spec.latency}
        query = urlencode({name: value for name, value in parameters.items() if value})
        url = urljoin(self._spec.url, f"/v1/sessions?{query}")
        self._offered = time.monotonic()
        answer = await asyncio.to_thread(
            request,
            url,
            method="POST",
            body=pc.localDescription.sdp,
            content_type="application/sdp",
            key=self._spec.key,
        )
        self._session = location(url, answer)
        await pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))

    async def _ice_servers(self) -> list[RTCIceServer]:
        servers = await asyncio.to_thread(fetch, urljoin(self._spec.url, "/v1/ice-servers"), self._spec.key)
        if self._spec.relay and not any("username" in each for each in servers):
            raise LiveheadError("the server names no TURN relay: set LIVEHEAD_TURN_URLS and LIVEHEAD_TURN_SECRET")
        return [RTCIceServer(s["urls"], s.get("username"), s.get("credential")) for s in servers]

    def _on_state(self, pc: RTCPeerConnection, pinging: asyncio.Task[None]) -> None:
        if pc.connectionState == "connected" and self.recording.connect_s is None:
            self.recording.connect_s = time.monotonic() - self._offered
        elif pc.connectionState == "closed":
            pinging.cancel()

    def _on_first(self) -> None:
        self.recording.first_frame_s = time.monotonic() - self._offered
        self._live.set()

    def _on_text(self, text: str | bytes) -> None:
        now = time.monotonic()
        message: dict[str, Any] = json.loads(text)
        if message["type"] == "stats":
            self.recording.stats.append((now, message))
        elif message["type"] == "pong" and (sent := self._pings.pop(message["id"], None)) is not None:
            self.recording.pings.append(Ping(sent, message["clock"], now))

    async def _ping(self, channel: Any) -> None:
        number = 0
        while True:
            await asyncio.sleep(PING_EVERY)
            if channel.readyState == "open":
                self._pings[number] = time.monotonic()
                channel.send(json.dumps({"type": "ping", "id": number}))
                number += 1

    async def _end(self, pc: RTCPeerConnection) -> None:
        self._microphone.stop()
        if self._session is not None:
            with contextlib.suppress(LiveheadError):
                await asyncio.to_thread(request, self._session, method="DELETE", key=self._spec.key)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await pc.close()


def _equip(transceiver: RTCRtpTransceiver, receiver: RecordingReceiver) -> None:
    receiver._set_rtcp_ssrc(transceiver.sender._ssrc)
    transceiver._RTCRtpTransceiver__receiver = receiver  # type: ignore[attr-defined]


def main(fd: int) -> None:
    logging.basicConfig(level=logging.ERROR)
    pipe = Connection(fd)
    spec: ClientSpec = pipe.recv()
    try:
        client = Client(spec, spec.stimulus)
        gc.collect()
        gc.freeze()
        pipe.send("ready")
        if pipe.recv() != "go":
            return
        asyncio.run(client.call(pipe))
        client.recording.cpu_s = time.process_time()
        pipe.send(client.recording)
    except LiveheadError as error:
        pipe.send(Recording(error=str(error)))
    except (EOFError, KeyboardInterrupt):
        return
    except Exception as error:  # noqa: BLE001 - the parent tells the user
        pipe.send(Recording(error=f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
