"""``livehead render``: frames and audio in step, the same bytes twice, and every bad input in a readable line."""

import os
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from livehead.core.block import BLOCK_SAMPLES, SAMPLE_RATE
from livehead.engine.base import GeneratorInfo, Preset
from livehead.errors import MediaError, PortraitError, UnsupportedTypeError, UsageError
from livehead.render import film as module
from livehead.render.offline import render

SIZE = 64
LOW = Preset(1, 0, 200)
WINDOWED = Preset(4, 3, 600)


class Lamp:
    """A generator whose frames are as bright as their block is loud."""

    def __init__(self) -> None:
        self.info = GeneratorInfo("lamp", SIZE, SIZE, 33, 0, {"low": LOW}, 1)
        self.seeds: list[int] = []
        self.open_streams = 0
        self.fail_after: int | None = None

    def open(self, portrait, seed):
        if not portrait.any():
            raise PortraitError("There is no face in the frame.")
        self.seeds.append(seed)
        self.open_streams += 1
        return object()

    def step(self, work, pixel_format="yuv420p"):
        if self.fail_after is not None:
            self.fail_after -= 1
            if self.fail_after < 0:
                raise KeyboardInterrupt
        [item] = work
        assert item.pcm.dtype == np.float32
        assert len(item.pcm) % BLOCK_SAMPLES == 0
        blocks = item.pcm.reshape(-1, BLOCK_SAMPLES)[: item.hop]
        frames = np.full((item.hop, SIZE * 3 // 2, SIZE), 128, np.uint8)
        for frame, block in zip(frames, blocks, strict=True):
            frame[:SIZE] = 40 + 160 * min(1.0, float(np.abs(block).max()))
        return [frames]

    def close(self, stream):
        self.open_streams -= 1


@pytest.fixture
def lamp():
    return Lamp()


@pytest.fixture
def portrait(tmp_path) -> Path:
    Image.new("RGB", (160, 160), "red").save(tmp_path / "face.png")
    return tmp_path / "face.png"


def audio_file(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE, codec: str | None = None) -> Path:
    """``samples``: float32 (channels, n)."""
    codec = codec or {".wav": "pcm_s16le", ".mp3": "libmp3lame", ".ogg": "libopus", ".flac": "flac"}[path.suffix]
    layout = "stereo" if len(samples) == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        for piece in (frame, None):
            resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
            container.mux([p for f in (resampler.resample(piece) if piece else [None]) for p in stream.encode(f)])
    return path


def bursts(seconds: float, rate: int = SAMPLE_RATE, channels: int = 1) -> np.ndarray:
    """A tone in the blocks 10…14, 35…39, and so on; silence between."""
    t = np.arange(round(seconds * rate)) / rate
    tone = 0.8 * np.sin(2 * np.pi * 440 * t) * ((t % 1 >= 0.4) & (t % 1 < 0.6))
    return np.stack([tone] * channels).astype(np.float32)


def film(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Mean luma of every frame, and the audio at 48 kHz (channels, n), as a player would show them."""
    with av.open(str(path)) as container:
        luma = [frame.to_ndarray()[:SIZE].mean() for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        audio = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.array(luma), np.concatenate(audio, axis=1)


def lengths(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        return tuple(float(s.duration * s.time_base) for s in (container.streams.video[0], container.streams.audio[0]))


@pytest.mark.parametrize("preset", [LOW, WINDOWED], ids=["hop 1", "hop 4, lookahead 3"])
@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.mp3", "in.ogg"])
def test_frames_and_audio_are_in_step(tmp_path, lamp, portrait, preset, name):
    rate = 48_000 if name == "in.ogg" else SAMPLE_RATE
    audio = audio_file(tmp_path / name, bursts(3.0, rate), rate)
    report = render(portrait, audio, tmp_path / "out.mp4", generator=lamp, preset=preset, seed=1)
    luma, audio = film(report.out)
    loud = np.abs(audio).max(0)[: len(luma) * 1920].reshape(-1, 1920).max(1) > 0.3
    bright = luma > 100
    assert report.frames == len(luma) >= 75
    for burst in range(3):  # a lossy codec may smear an edge into the next block
        assert bright[burst * 25 + 11 : burst * 25 + 14].all()
        assert loud[burst * 25 + 11 : burst * 25 + 14].all()
        assert not bright[burst * 25 + 16 : burst * 25 + 33].any()
        assert abs(int(np.argmax(bright[burst * 25 :])) - 10) <= 1
        assert abs(int(np.argmax(bright[burst * 25 :])) - int(np.argmax(loud[burst * 25 :]))) <= 1
    video, audio_length = lengths(report.out)
    assert abs(video - audio_length) < 0.040


def test_the_same_seed_gives_the_same_bytes(tmp_path, lamp, portrait):
    audio = audio_file(tmp_path / "in.wav", bursts(2.0))
    for name in ("a.mp4", "b.mp4"):
        render(portrait, audio, tmp_path / name, generator=lamp, preset=WINDOWED, seed=7)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert lamp.seeds == [7, 7]
    assert lamp.open_streams == 0


def test_what_players_need_to_know_is_in_the_file(tmp_path, lamp, portrait):
    audio = audio_file(tmp_path / "in.wav", bursts(1.0))
    out = render(portrait, audio, tmp_path / "out.MP4", generator=lamp, preset=LOW, seed=1).out
    with av.open(str(out)) as container:
        assert "creation_time" not in container.metadata
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.average_rate == 25
        assert (video.start_time, audio.start_time) == (0, 0)
        assert video.codec_context.color_range == 1  # limited
    head = out.read_bytes()[:4096]
    assert head.index(b"moov") < 100  # the index is in front: it plays while it loads


@pytest.mark.parametrize("blocks", [0.01, 0.5, 1, 1.5, 6.2, 25])
def test_the_last_block_is_filled_with_silence(tmp_path, lamp, portrait, blocks):
    audio = audio_file(tmp_path / "in.wav", np.full((1, int(blocks * BLOCK_SAMPLES)), 0.5, np.float32))
    report = render(portrait, audio, tmp_path / "out.mp4", generator=lamp, preset=WINDOWED, seed=1)
    assert report.frames == int(np.ceil(blocks))
    assert report.seconds == pytest.approx(report.frames * 0.04)
    video, audio = lengths(report.out)
    assert video == pytest.approx(report.frames * 0.04)
    assert abs(video - audio) < 0.040


def test_stereo_at_48_khz_keeps_both_channels(tmp_path, lamp, portrait):
    samples = bursts(1.0, 48_000, 2)
    samples[1] *= 0.25
    audio = audio_file(tmp_path / "in.wav", samples, 48_000)
    report = render(portrait, audio, tmp_path / "out.mp4", generator=lamp, preset=LOW, seed=1)
    luma, audio = film(report.out)
    assert len(luma) == 25
    assert luma[12] > 100
    assert np.abs(audio[0]).max() > 2 * np.abs(audio[1]).max() > 0.1


def test_silence_is_a_film_too(tmp_path, lamp, portrait):
    audio = audio_file(tmp_path / "in.wav", np.zeros((1, SAMPLE_RATE), np.float32))
    report = render(portrait, audio, tmp_path / "out.mp4", generator=lamp, preset=LOW, seed=1)
    luma, audio = film(report.out)
    assert len(luma) == 25
    assert np.ptp(luma) < 2
    assert np.abs(audio).max() < 1e-3


def test_the_audio_track_of_a_film_will_do(tmp_path, lamp, portrait):
    audio = audio_file(tmp_path / "in.wav", bursts(1.0))
    first = render(portrait, audio, tmp_path / "first.mp4", generator=lamp, preset=LOW, seed=1)
    again = render(portrait, first.out, tmp_path / "again.mp4", generator=lamp, preset=LOW, seed=1)
    assert again.frames in (25, 26)  # AAC comes in whole frames
    assert film(again.out)[0][12] > 100


def test_a_progress_bar_is_shown_on_a_terminal_only(tmp_path, lamp, portrait, capsys):
    audio = audio_file(tmp_path / "in.wav", bursts(0.2))
    render(portrait, audio, tmp_path / "out.mp4", generator=lamp, preset=LOW, seed=1, progress=True)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def refused(tmp_path, lamp, portrait):
    """Render with one thing changed; returns the message. Nothing may be left behind."""
    audio = audio_file(tmp_path / "in.wav", bursts(0.4))

    def attempt(error, **changed):
        paths = {"portrait": portrait, "audio": audio, "out": tmp_path / "out.mp4"} | changed
        before = sorted(os.listdir(tmp_path))
        with pytest.raises(error) as caught:
            render(**paths, generator=lamp, preset=LOW, seed=1)
        assert sorted(os.listdir(tmp_path)) == before
        assert lamp.open_streams == 0
        message = str(caught.value)
        assert "\n" not in message
        return message

    return attempt


@pytest.mark.parametrize("name", ["notes.txt", "notes.wav", "notes.mp3"])
def test_a_text_file_is_no_audio(tmp_path, refused, name):
    (tmp_path / name).write_text("This is no audio. " * 300)
    assert name in refused(MediaError, audio=tmp_path / name)


def test_an_empty_file_is_no_audio(tmp_path, refused):
    (tmp_path / "empty.wav").touch()
    assert "empty.wav" in refused(MediaError, audio=tmp_path / "empty.wav")
    with wave.open(str(tmp_path / "none.wav"), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
    assert "empty" in refused(MediaError, audio=tmp_path / "none.wav")


def test_a_frame_is_no_audio(portrait, refused):
    assert "no audio" in refused(MediaError, audio=portrait)


def test_missing_files_are_named(tmp_path, refused):
    assert "gone.wav" in refused(MediaError, audio=tmp_path / "gone.wav")
    assert "gone.png" in refused(PortraitError, portrait=tmp_path / "gone.png")
    assert "cannot be read" in refused(MediaError, audio=tmp_path)


def test_a_portrait_must_be_a_frame_with_a_face(tmp_path, refused):
    assert "PNG" in refused(UnsupportedTypeError, portrait=tmp_path / "in.wav")
    Image.new("RGB", (160, 160)).save(tmp_path / "black.png")
    assert "no face" in refused(PortraitError, portrait=tmp_path / "black.png")


def test_the_output_must_be_an_mp4_in_a_folder_that_is_there(tmp_path, refused):
    assert ".mp4" in refused(UsageError, out=tmp_path / "out.mov")
    assert "no folder" in refused(MediaError, out=tmp_path / "missing" / "out.mp4")
    assert "proc" in refused(MediaError, out=Path("/proc/out.mp4"))  # not even root may write there
    (tmp_path / "folder.mp4").mkdir()
    assert "is a folder" in refused(UsageError, out=tmp_path / "folder.mp4")


def test_an_input_is_never_overwritten(tmp_path, portrait, lamp):
    audio = audio_file(tmp_path / "in.wav", bursts(0.4))
    film = render(portrait, audio, tmp_path / "film.mp4", generator=lamp, preset=LOW, seed=1).out
    with pytest.raises(UsageError, match="also an input"):
        render(portrait, film, film, generator=lamp, preset=LOW, seed=1)


def test_an_interrupted_render_leaves_what_was_there(tmp_path, lamp, portrait):
    audio = audio_file(tmp_path / "in.wav", bursts(1.0))
    out = tmp_path / "out.mp4"
    out.write_bytes(b"an older film")
    lamp.fail_after = 10
    with pytest.raises(KeyboardInterrupt):
        render(portrait, audio, out, generator=lamp, preset=LOW, seed=1)
    assert out.read_bytes() == b"an older film"
    assert sorted(os.listdir(tmp_path)) == ["face.png", "in.wav", "out.mp4"]
    assert lamp.open_streams == 0


def test_a_full_disk_is_one_readable_line(tmp_path, lamp, portrait, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")

    class Full(module.Mp4Writer):
        def __init__(self, path, **options):
            path.unlink()
            path.symlink_to("/dev/full")
            super().__init__(path, **options)

    monkeypatch.setattr(module, "Mp4Writer", Full)
    audio = audio_file(tmp_path / "in.wav", bursts(1.0))
    with pytest.raises(MediaError, match=r"out\.mp4 cannot be written"):
        render(portrait, audio, tmp_path / "out.mp4", generator=lamp, preset=LOW, seed=1)
    assert not (tmp_path / "out.mp4").exists()
