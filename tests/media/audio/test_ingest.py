"""From RTP packets to samples on the media timeline, with a clock that the test turns."""

from __future__ import annotations

import asyncio
import random
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from livehead.errors import MediaError
from livehead.media.audio.decoder import G711Decoder, OpusDecoder, audio_decoder
from livehead.media.audio.encoder import G711Encoder, OpusEncoder
from livehead.media.audio.ingest import AT_ONCE, FASTEST, MOST_AHEAD_S, AudioChunk, AudioQueue, Ingest
from livehead.media.audio.resample import Resampler

OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=111)
PCMU = RTCRtpCodecParameters(mimeType="audio/PCMU", clockRate=8000, channels=1, payloadType=0)
PCMA = RTCRtpCodecParameters(mimeType="audio/PCMA", clockRate=8000, channels=1, payloadType=8)


def speechlike(seconds: float, seed: int = 1) -> np.ndarray:
    """16 kHz noise with little above 2 kHz, in bursts, so that its place can be told exactly."""
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.normal(0, 1, round(seconds * 16000)), np.hanning(12) / 6, "same")
    return (0.15 * noise).astype(np.float32)


def packets(pcm: np.ndarray, codec: RTCRtpCodecParameters) -> list[RtpPacket]:
    encoder = OpusEncoder() if codec is OPUS else G711Encoder(codec.name.lower())
    size = codec.clockRate // 50
    return [
        RtpPacket(
            payload_type=codec.payloadType,
            sequence_number=(65_000 + n) % 65536,
            timestamp=(2**32 - 7000 + n * size) % 2**32,
            ssrc=99,
            payload=payload,
        )
        for n, payload in enumerate(
            payload for i in range(0, len(pcm) - 639, 640) for payload in encoder.encode(pcm[i : i + 640])
        )
    ]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def ingest(
    arrivals: list[tuple[float, RtpPacket]], codec: RTCRtpCodecParameters
) -> tuple[Ingest, list[AudioChunk]]:
    clock = Clock()
    audio_chunks = AudioQueue(10_000)
    target = Ingest(audio_chunks, clock=clock)
    for at, packet in sorted(arrivals, key=lambda a: a[0]):
        while target.jitter is not None and target.jitter.due is not None and target.jitter.due < 1000 + at:
            clock.now = target.jitter.due + 1e-6
            target._give_up()
        clock.now = 1000 + at
        target.receive(packet, codec)
    target.end()
    return target, [audio async for audio in audio_chunks]


@pytest.mark.parametrize("step", [960, 5760, 24_000, 480_000])
async def test_there_is_never_much_more_audio_than_time(step: int) -> None:
    """Each packet says that its audio begins ``step`` samples after the one before; 500 of them come in a second."""
    payload = packets(speechlike(0.04), OPUS)[0].payload
    sent = [
        (n / 500, RtpPacket(111, sequence_number=n, timestamp=n * step % 2**32, ssrc=99, payload=payload))
        for n in range(5000)
    ]
    target, audio_chunks = await ingest(sent, OPUS)
    seconds = sum(len(audio.pcm) for audio in audio_chunks) / 16000
    assert seconds <= 10 * FASTEST + MOST_AHEAD_S + 2
    assert target.excess > 0
    assert [audio.start for audio in audio_chunks] == sorted(audio.start for audio in audio_chunks)


def joined(audio_chunks: list[AudioChunk]) -> np.ndarray:
    position = 0
    for audio in audio_chunks:
        assert audio.start == position
        assert audio.pcm.dtype == np.float32
        position += len(audio.pcm)
    return np.concatenate([s.pcm for s in audio_chunks])


def lag(heard: np.ndarray, said: np.ndarray, at: int, length: int = 8000) -> int:
    """How many samples later than said it was heard, around sample ``at``, by the best match."""
    piece = heard[at : at + length]
    scores = [float(np.dot(piece, said[at - d : at - d + length])) for d in range(-400, 400)]
    return int(np.argmax(scores)) - 400


@pytest.mark.parametrize("codec", [OPUS, PCMU, PCMA], ids=["opus", "pcmu", "pcma"])
async def test_samples_lie_where_the_time_stamps_say(codec: RTCRtpCodecParameters) -> None:
    said = speechlike(6)
    target, audio_chunks = await ingest([(n * 0.02, p) for n, p in enumerate(packets(said, codec))], codec)
    heard = joined(audio_chunks)
    assert len(heard) == len(said)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(said**2)), rel=0.15)
    own = round(Resampler(16000, codec.clockRate).delay * 16000)  # of the test's encoder
    for at in (16_000, 48_000, 80_000):
        assert abs(lag(heard, said, at) - own - target.delay) <= 16  # 1 ms


async def test_a_audio_is_there_when_its_packet_is() -> None:
    said = speechlike(2)
    _, audio_chunks = await ingest([(n * 0.02, p) for n, p in enumerate(packets(said, OPUS))], OPUS)
    for n, audio in enumerate(audio_chunks):
        assert len(audio.pcm) == 320
        assert audio.arrived == pytest.approx(1000 + n * 0.02)


@pytest.mark.parametrize("codec", [OPUS, PCMU], ids=["opus", "pcmu"])
async def test_loss_leaves_everything_else_in_its_place(codec: RTCRtpCodecParameters) -> None:
    chance = random.Random(5)
    said = speechlike(8)
    arrivals = [
        (n * 0.02 + chance.random() * 0.01, p)
        for n, p in enumerate(packets(said, codec))
        if n < 5 or chance.random() > 0.05
    ]
    target, audio_chunks = await ingest(arrivals, codec)
    heard = joined(audio_chunks)
    own = round(Resampler(16000, codec.clockRate).delay * 16000)
    for at in (16_000, 64_000, 100_000):
        assert abs(lag(heard, said, at) - own - target.delay) <= 33
    assert target.concealed % 320 == 0
    assert 0.02 < target.concealed / len(heard) < 0.09


async def test_what_is_made_up_for_a_lost_packet_is_short_and_fits() -> None:
    """A steady tone goes on through one lost packet, and is silent in a long break."""
    tone = (0.3 * np.sin(2 * np.pi * 200 * np.arange(16000 * 3) / 16000)).astype(np.float32)
    sent = packets(tone, OPUS)
    _, audio_chunks = await ingest([(n * 0.02, p) for n, p in enumerate(sent) if n != 50 and not 100 <= n < 125], OPUS)
    heard = joined(audio_chunks)
    level = np.sqrt(np.mean(heard[: len(heard) // 320 * 320].reshape(-1, 320) ** 2, axis=1))
    assert 0.1 < level[50] < 0.25
    assert level[105:124].max() < 0.01
    assert np.abs(np.diff(heard[15_000:18_000])).max() < 0.05  # no click
    assert 0.19 < level[128] < 0.23


async def test_silence_goes_on_in_real_time_while_nothing_comes() -> None:
    audio_chunks = AudioQueue()
    target = Ingest(audio_chunks)
    for packet in packets(speechlike(0.04), OPUS):
        target.receive(packet, OPUS)
    await asyncio.sleep(0.5)
    target.end()
    heard = joined([audio async for audio in audio_chunks])
    assert 0.3 < len(heard) / 16000 < 0.6
    assert np.abs(heard[-2000:]).max() == 0


async def test_rubbish_in_packets_is_counted_and_silent() -> None:
    said = speechlike(1)
    sent = packets(said, OPUS)
    for n in (10, 20, 30):
        sent[n].payload = bytes([0xFF, 0xFF, 0xFF]) * 20
    sent[15].payload = b""
    target, audio_chunks = await ingest([(n * 0.02, p) for n, p in enumerate(sent)], OPUS)
    assert target.broken == 3
    assert len(joined(audio_chunks)) == 50 * 320


async def test_another_source_goes_on_at_the_same_timeline() -> None:
    sent = packets(speechlike(2), OPUS)
    for packet in sent[50:]:
        packet.ssrc = 7
        packet.timestamp = (packet.timestamp + 1_234_567_890) % 2**32
        packet.sequence_number = (packet.sequence_number + 30_000) % 65536
    _, audio_chunks = await ingest([(n * 0.02, p) for n, p in enumerate(sent)], OPUS)
    assert len(joined(audio_chunks)) == pytest.approx(2 * 16000, abs=700)


async def test_a_reader_that_does_not_read_costs_bounded_memory() -> None:
    audio_chunks = AudioQueue(3)
    for n in range(10):
        audio_chunks.put(AudioChunk(n * 320, np.zeros(320, np.float32), 0.0))
    audio_chunks.end()
    assert [s.start // 320 async for s in audio_chunks] == [7, 8, 9]
    assert audio_chunks.dropped == 7


@pytest.mark.parametrize("name", ["pcmu", "pcma"])
def test_g711_is_what_ffmpeg_thinks_it_is(name: str) -> None:
    codec = av.CodecContext.create({"pcmu": "pcm_mulaw", "pcma": "pcm_alaw"}[name], "r")
    codec.sample_rate, codec.layout, codec.format = 8000, "mono", "s16"
    (frame,) = codec.decode(av.Packet(bytes(range(256))))
    expected = frame.to_ndarray().reshape(-1) / 32768
    np.testing.assert_allclose(G711Decoder(name).decode(bytes(range(256))), expected, atol=1e-4)


def test_opus_packets_tell_their_length() -> None:
    decoder = OpusDecoder()
    for size in (2.5, 5, 10, 20, 40, 60):
        encoder = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.layout, encoder.format = 48000, "stereo", "s16"
        encoder.time_base = Fraction(1, 48000)
        encoder.options = {"frame_duration": str(size)}
        encoder.open()
        count = round(size * 48)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, count * 2), np.int16), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        (packet,) = encoder.encode(frame)
        assert decoder.duration(bytes(packet)) == count
        assert len(decoder.decode(bytes(packet))) == count
    for bad in (b"", b"\x03", b"\x03\x00", b"\xff\x3f"):
        with pytest.raises(MediaError):
            decoder.duration(bad)
    assert audio_decoder(PCMA).duration(bytes(160)) == 160


@pytest.mark.parametrize(("source", "target"), [(48000, 16000), (16000, 48000), (8000, 16000), (16000, 8000)])
def test_resampling_delays_by_what_it_says_whatever_the_pieces(source: int, target: int) -> None:
    rng = np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 1000 * np.arange(source) / source).astype(np.float32)
    resampler, pieces, at = Resampler(source, target), [], 0
    while at < source:
        size = int(rng.integers(0, 1500))
        pieces.append(resampler(tone[at : at + size]))
        at += size
    out = np.concatenate(pieces)
    assert abs(len(out) - target) <= 1
    expected = np.sin(2 * np.pi * 1000 * (np.arange(len(out)) / target - resampler.delay))
    assert np.abs(out - expected)[200:].max() < 0.005
    with pytest.raises(ValueError, match="multiple"):
        Resampler(44100, 16000)


async def test_packets_that_waited_for_one_are_decoded_a_few_at_a_time() -> None:
    """Over a hundred long packets, each a sample later than the one before, are held until the missing one comes. To
    decode all of them at once holds the event loop for tens of milliseconds."""
    clock, audio_chunks = Clock(), AudioQueue(1000)
    target = Ingest(audio_chunks, clock=clock)
    sent = packets(speechlike(1), OPUS)
    for packet in sent[:5]:
        clock.now += 0.02
        target.receive(packet, OPUS)
    before = len(audio_chunks._items)
    for number in range(100):
        target.receive(
            RtpPacket(
                payload_type=OPUS.payloadType,
                sequence_number=(sent[6].sequence_number + number) % 65536,
                timestamp=(sent[5].timestamp + 1 + number) % 2**32,
                ssrc=sent[0].ssrc,
                payload=sent[6].payload,
            ),
            OPUS,
        )
    assert len(audio_chunks._items) == before
    clock.now += 0.02
    target.receive(sent[5], OPUS)
    assert 0 < len(audio_chunks._items) - before <= AT_ONCE
    for _ in range(2 + 100 // AT_ONCE):
        await asyncio.sleep(0)
    assert len(target.jitter._held) == 0
    target.end()
    joined([audio async for audio in audio_chunks])
