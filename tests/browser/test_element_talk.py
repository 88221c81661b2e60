"""`<live-head>` in a conversation: speech from a backend, viewers of one session, what the page lets it say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import Browser

from backend import Backend, tone
from browser.keys import KEY, Locked, token
from browser.site import site
from livehead.core.identity import Role
from livehead.engine.base import EngineSpec
from livehead.engine.choice import PREVIEW
from serving import Served, serving
from speech_service import speech_service
from visiting import Visit, visiting
from waiting import until

PAGE = """<!doctype html><title>Another site</title><link rel="icon" href="data:,">
<live-head id="live" src="{server}" style="width: 320px" {attributes}></live-head>
<div id="elsewhere"></div>
<script>
  window.live = document.getElementById("live");
  window.seen = [];
  window.asked = [];
  const names = ["statechange", "sessionready", "ready", "speaking", "silent", "userspeaking", "usersilent", "error"];
  for (const name of names) live.addEventListener(name, ({{ detail }}) => seen.push([name, detail]));
  const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wanted) => (asked.push(wanted), getUserMedia(wanted));
  const Peer = RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = function (...given) {{ const peer = new Peer(...given); peers.push(peer); return peer; }};
</script>
<script type="module" src="{server}/client/index.js"></script>"""

HEARD = """async () => {
  for (const report of (await peers.at(-1).getStats()).values()) {
    if (report.type === 'inbound-rtp' && report.kind === 'audio') return report.totalAudioEnergy > 0.001;
  }
  return false;
}"""
"""Whether any sound was received that is no silence."""

NAMES = "seen.map(([name]) => name)"


@asynccontextmanager
async def page(browser: Browser, url: str, attributes: str = "", allowed: str | None = None) -> AsyncIterator[Visit]:
    with site(PAGE.format(server=url, attributes=attributes)) as at:
        async with visiting(browser, at, ready="live-head[state=idle]", allowed=allowed) as visit:
            yield visit


async def create(url: str, key: str | None = None) -> dict[str, str]:
    """A session without a peer, as a backend makes it."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(base_url=url, headers=headers) as client:
        response = await client.post("/v1/sessions", json={"avatar": "default", "source": "push"})
        response.raise_for_status()
        created: dict[str, str] = response.json()
        return created


async def test_a_backend_is_told_the_session_and_speaks(browser: Browser, served: Served) -> None:
    async with page(browser, served.url, 'source="push"') as visit:
        await visit.page.evaluate("live.start()")
        assert await visit.page.evaluate("live.state") == "live", "start() is over when the portrait is there"
        names = await visit.page.evaluate(NAMES)
        assert names.index("sessionready") < names.index("ready")
        session = await visit.page.evaluate("live.sessionId")
        assert await visit.page.evaluate("seen.find(([name]) => name === 'sessionready')[1]") == {"session": session}
        async with Backend(served.url, session) as backend:
            await backend.push(tone(1.0))
            await backend.end()
            await visit.until(f"{NAMES}.includes('speaking')")
            await visit.until(HEARD)
            await visit.until(f"{NAMES}.includes('silent')")
        assert await visit.page.evaluate("asked") == [], "no microphone is asked for"
        assert await visit.page.evaluate("[live.voice, live.video.muted]") == [True, False]
        await visit.page.evaluate("live.stop()")
        assert await visit.page.evaluate("live.sessionId") is None


async def test_viewers_join_the_session_of_a_backend(browser: Browser, locked: Locked) -> None:
    """With the session's own token, over WHEP: nothing of this device is sent, and leaving disturbs nobody."""
    created = await create(locked.url, KEY)
    attributes = f'session="{created["session"]}" token="{created["token"]}"'
    trickled: list[int] = []
    over = "404"  # the second viewer asks for the session once more, and learns so that it is over
    async with page(browser, locked.url, attributes) as first, page(browser, locked.url, attributes, over) as second:
        for visit in (first, second):
            visit.page.on("response", lambda reply: reply.request.method == "PATCH" and trickled.append(reply.status))
            await visit.page.evaluate("live.start()")
            assert await visit.page.evaluate("[live.state, live.sessionId]") == ["live", created["session"]]
            assert await visit.page.evaluate("asked") == []
            assert any(f"/whep/{created['session']}" in address for address in visit.addresses)
            assert not any("/v1/signal" in address for address in visit.addresses)
        session = next(each for each in locked.served.services.registry.sessions if each.id == created["session"])
        headers = {"Authorization": f"Bearer {KEY}"}
        async with Backend(locked.url, created["session"], additional_headers=headers) as backend:
            await backend.push(tone(3.0))
            for visit in (first, second):
                await visit.until(f"{NAMES}.includes('speaking')")
                await visit.until(HEARD)
            await first.page.evaluate("live.interrupt()")
            await second.until(f"{NAMES}.includes('silent')")
            await first.page.evaluate("live.stop()")
            await until(lambda: len(session.viewers) == 1)
            assert await second.page.evaluate("live.state") == "live"
            assert set(trickled) == {204}, "candidates are taken"
            session.end("deleted")
            await second.state("closed")
        assert await second.page.get_attribute("live-head", "reason") == "ended"
        status = "document.querySelector('live-head').shadowRoot.querySelector('[part=status]').innerText.trim()"
        assert await second.page.evaluate(status) == "The conversation is over"


@pytest.mark.soak
async def test_a_session_that_is_not_there(browser: Browser, served: Served) -> None:
    async with page(browser, served.url, 'session="nowhere"', allowed="404") as visit:
        code = await visit.page.evaluate("live.start().catch(({ code }) => code)")
        assert code == "session-unknown"
        assert await visit.page.evaluate("[live.state, live.error.title]") == ["error", "This conversation is over"]


@pytest.mark.soak
async def test_a_ninth_viewer(browser: Browser, served: Served) -> None:
    created = await create(served.url)
    async with page(browser, served.url, allowed="409") as visit:
        join = f"""async () => {{
          const heads = Array.from({{ length: 9 }}, () => document.createElement('live-head'));
          for (const head of heads) {{
            head.src = {served.url!r};
            head.session = {created["session"]!r};
            document.body.append(head);
          }}
          const results = [];
          for (const head of heads) results.push(await head.start().then(() => 'live', ({{ code }}) => code));
          return results;
        }}"""
        assert await visit.page.evaluate(join) == ["live"] * 8 + ["too-many-viewers"]


@pytest.mark.soak
async def test_a_viewer_with_a_microphone_is_heard(browser: Browser, served: Served) -> None:
    created = await create(served.url)
    async with page(browser, served.url, f'session="{created["session"]}" microphone') as visit:
        await visit.page.evaluate("live.start()")
        assert await visit.page.evaluate("asked[0].audio.echoCancellation"), "the portrait is heard in the room"
        await visit.until(f"{NAMES}.includes('userspeaking')", within=20)
        await visit.until(f"{NAMES}.includes('usersilent')", within=20)
        await visit.page.evaluate("live.microphoneMuted = true")
        assert await visit.page.evaluate("live.source.stream.getAudioTracks()[0].enabled") is False
        await visit.page.evaluate("live.microphoneMuted = false")
        assert await visit.page.evaluate("live.source.stream.getAudioTracks()[0].enabled") is True


SAY = """async () => {
  const samples = Float32Array.from({ length: 16000 }, (_, i) => 0.4 * Math.sin(i / 6));
  const said = [];
  said.push(await live.say(samples, { rate: 16000 }));
  const pcm = Int16Array.from(samples, (sample) => sample * 32767);
  said.push(await live.say(pcm.buffer, { rate: 16000 }));
  const buffer = new AudioBuffer({ length: 24000, numberOfChannels: 2, sampleRate: 48000 });
  for (const channel of [0, 1]) buffer.copyToChannel(samples, channel);
  said.push(await live.say(buffer));
  said.push(await live.say(await (await fetch(FILE)).blob()));
  return said;
}"""


@pytest.mark.soak
async def test_the_page_lets_it_say_audio_of_every_kind(browser: Browser, served: Served) -> None:
    wav = """(() => {
      const bytes = new ArrayBuffer(44 + 16000), view = new DataView(bytes);
      const text = (at, word) => [...word].forEach((char, i) => view.setUint8(at + i, char.charCodeAt(0)));
      text(0, 'RIFF'); view.setUint32(4, 16036, true); text(8, 'WAVEfmt '); view.setUint32(16, 16, true);
      view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, 16000, true);
      view.setUint32(28, 32000, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
      text(36, 'data'); view.setUint32(40, 16000, true);
      for (let i = 0; i < 8000; i++) view.setInt16(44 + 2 * i, 9000 * Math.sin(i / 6), true);
      return new Blob([bytes], { type: 'audio/wav' });
    })()"""
    async with page(browser, served.url, 'source="push"') as visit:
        assert await visit.page.evaluate("live.say('too early').catch(({ code }) => code)") == "no-session"
        await visit.page.evaluate("live.start()")
        say = SAY.replace("await (await fetch(FILE)).blob()", wav)
        spoken = await visit.page.evaluate(say)
        assert [each["interrupted"] for each in spoken] == [False] * 4
        lengths = [each["spokenMs"] for each in spoken]
        for length, wanted in zip(lengths, (1000, 1000, 500, 500), strict=True):
            assert abs(length - wanted) <= 40, json.dumps(spoken)


@pytest.mark.soak
async def test_saying_takes_a_token_with_its_role(browser: Browser, locked: Locked) -> None:
    roles = {"speech-refused": token(Role.OPEN), "spoken": token(Role.OPEN, Role.SPEAK)}
    for outcome, secret in roles.items():
        async with page(browser, locked.url, 'source="push"', allowed="WebSocket connection to") as visit:
            await visit.page.evaluate(f"live.token = {secret!r}; live.start()")
            say = "live.say(new Int16Array(4800), { rate: 24000 }).then(() => 'spoken', ({ code }) => code)"
            assert await visit.page.evaluate(say) == outcome


async def test_what_is_said_is_interrupted(browser: Browser, served: Served) -> None:
    async with page(browser, served.url, 'source="push"') as visit:
        await visit.page.evaluate("live.start()")
        spoken = await visit.page.evaluate(
            """async () => {
              const long = Int16Array.from({ length: 24000 * 20 }, (_, i) => 12000 * Math.sin(i / 9));
              const first = live.say(long, { rate: 24000 });
              const second = live.say(long, { rate: 24000 });
              await new Promise((resolve) => live.addEventListener('speaking', resolve, { once: true }));
              live.interrupt();
              const short = live.say(long.slice(0, 12000), { rate: 24000 });
              return Promise.all([first, second, short]);
            }"""
        )
        assert [each["interrupted"] for each in spoken] == [True, True, False]
        assert spoken[0]["spokenMs"] < 5000
        assert spoken[1]["spokenMs"] == 0
        assert abs(spoken[2]["spokenMs"] - 500) <= 40


async def test_the_page_lets_it_say_a_text(browser: Browser) -> None:
    async with (
        speech_service() as service,
        serving(EngineSpec(PREVIEW, {"size": 256}), cors_origins=["*"], tts=service.url) as served,
        page(browser, served.url, 'source="push"', allowed="502") as visit,
    ):
        service.pieces = [tone(1.0)]
        await visit.page.evaluate("live.start()")
        await visit.page.evaluate("live.say('Good evening.', { voice: 'nova' })")
        assert [service.asked[0][name] for name in ("input", "voice")] == ["Good evening.", "nova"]
        await visit.until(f"{NAMES}.includes('speaking')")
        await visit.until(HEARD)
        service.status = "500 Internal Server Error"
        assert await visit.page.evaluate("live.say('Again.').catch(({ code }) => code)") == "say-failed"


@pytest.mark.soak
async def test_text_and_speech_that_the_server_does_not_take(browser: Browser, served: Served) -> None:
    async with page(browser, served.url, 'source="push"', allowed="50[14]|WebSocket connection to") as visit:
        await visit.page.evaluate("live.start()")
        assert await visit.page.evaluate("live.say('Hello').catch(({ code }) => code)") == "say-unavailable"
        async with Backend(served.url, await visit.page.evaluate("live.sessionId")):
            refused = "live.say(new Int16Array(2400), { rate: 24000 }).catch(({ code }) => code)"
            assert await visit.page.evaluate(refused) == "speech-refused"


@pytest.mark.soak
async def test_the_voice_is_switched_in_mid_call_without_a_new_call(browser: Browser, served: Served) -> None:
    async with page(browser, served.url) as visit:
        await visit.page.evaluate("live.start()")
        assert await visit.page.evaluate("[asked.length, asked[0].audio.echoCancellation]") == [1, False]
        await visit.page.evaluate("live.voice = 'on'")
        await visit.until(HEARD)
        assert await visit.page.evaluate("live.video.muted") is False
        cancelling = "live.source.stream.getAudioTracks()[0].getSettings().echoCancellation"
        await visit.until(cancelling)
        sent = "live.source.stream.getAudioTracks()[0].readyState === 'live' && peers[0].getSenders()[0].track"
        assert await visit.page.evaluate(f"{sent} === live.source.stream.getAudioTracks()[0]")
        await visit.page.evaluate("live.voice = 'off'")
        assert await visit.page.evaluate("live.video.muted") is True
        assert await visit.page.evaluate("peers.length") == 1
        states = "seen.filter(([name]) => name === 'statechange').map(([, { state }]) => state)"
        assert await visit.page.evaluate(states) == ["connecting", "live"]


@pytest.mark.soak
async def test_it_is_moved_in_mid_call(browser: Browser, served: Served) -> None:
    async with page(browser, served.url, 'source="push"') as visit:
        await visit.page.evaluate("live.start()")
        await visit.page.evaluate("document.getElementById('elsewhere').append(live)")
        frames = "live.video.getVideoPlaybackQuality().totalVideoFrames"
        before = await visit.page.evaluate(frames)
        await visit.until(f"{frames} > {before + 10}")
        assert await visit.page.evaluate("[live.state, live.video.paused]") == ["live", False]
        await visit.page.evaluate("live.remove()")
        await visit.until("live.state === 'closed'")


@pytest.mark.parametrize(
    "style",
    [
        "display: flex",
        "display: flex; align-items: center",
        "display: grid; place-items: center",
        "display: inline-block",
    ],
)
@pytest.mark.soak
async def test_it_has_a_size_where_nobody_gives_it_one(browser: Browser, served: Served, style: str) -> None:
    async with page(browser, served.url) as visit:
        await visit.page.evaluate(f"live.parentElement.style = {style!r}; live.style = ''")
        width, height = await visit.page.evaluate("[live.offsetWidth, live.offsetHeight]")
        assert (width, height) == (320, 320)
        await visit.page.evaluate("live.parentElement.style.width = '200px'")
        assert await visit.page.evaluate("live.offsetWidth") <= 200


async def test_properties_are_set_as_frameworks_do(browser: Browser, served: Served) -> None:
    async with page(browser, served.url) as visit:
        values = await visit.page.evaluate(
            """(url) => {
              const head = document.createElement('live-head');
              Object.assign(head, {
                server: url, avatar: 'mei', latency: 'balanced', voice: 'off', muted: 'false', seed: 7, controls: true,
                source: 'push', session: 'abc', microphone: true, token: 'secret', microphoneMuted: true, record: true,
              });
              const set = [head.src, head.server.url, head.avatar, head.latency, head.voice, head.muted, head.seed,
                head.controls, head.mode, head.session, head.microphone, head.token, head.microphoneMuted, head.record];
              for (const name of ['server', 'avatar', 'latency', 'voice', 'muted', 'seed', 'controls', 'source',
                'session', 'microphone', 'token', 'microphoneMuted', 'record']) head[name] = undefined;
              return [set, head.getAttributeNames(), head.avatar];
            }""",
            served.url,
        )
        given, left, avatar = values
        assert given == [
            served.url, f"{served.url}/", "mei", "balanced", False, False, 7, True, "push", "abc", True, "secret", True,
            "film",
        ]  # fmt: skip
        assert left == ["source"], "what is taken away leaves no attribute; the source stays what it was"
        assert avatar == "default"
