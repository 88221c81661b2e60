"""A portrait for an agent of livekit-agents, started as its avatar plugins are."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Literal

from livekit import api, rtc
from livekit.agents import NOT_GIVEN, AgentSession, NotGivenOr, get_job_context
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF
from livekit.agents.voice import avatar

from livehead.client import Livehead
from livehead.core.block import FPS
from livehead.integrations.livekit.audio_output import AudioOutput
from livehead.integrations.livekit.video_generator import SOUND_RATE, VideoGenerator

IDENTITY = "livehead-avatar-agent"

SPEECH_RATE = 24_000
"""The agent's speech is resampled to this where it has another rate."""


class AvatarSession(avatar.AvatarSession[Literal["metrics_collected"]]):
    """Calls a Livehead server with the agent's speech, and publishes the portrait in the agent's room.

    All of it runs in the agent's process: Livehead joins no room. Pictures and sound are published by the agent's own
    participant; with ``avatar_participant_identity``, or where :meth:`start` is given LiveKit's credentials, by a
    second participant on behalf of the agent, as hosted avatars do.

    ``url`` and ``key`` are the Livehead server's, ``portrait`` is the id of one of its avatars, and ``latency`` one of
    its presets. Raises ``ValueError`` for what is no address or no key.
    """

    def __init__(
        self,
        *,
        url: str,
        key: str | None = None,
        portrait: str = "default",
        latency: str | None = None,
        probe: bool = False,
        avatar_participant_identity: NotGivenOr[str] = NOT_GIVEN,
        avatar_participant_name: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        super().__init__()
        self._server = Livehead(url, key=key)
        self._call = self._server.call(avatar=portrait, source="push", latency=latency, probe=probe)
        self._identity = avatar_participant_identity or IDENTITY
        self._name = avatar_participant_name or self._identity
        self._second = bool(avatar_participant_identity)
        self._resources = contextlib.AsyncExitStack()

    @property
    def avatar_identity(self) -> str:
        """Of the participant that publishes the portrait."""
        if self._second or self._room is None:
            return self._identity
        return self._room.local_participant.identity

    @property
    def provider(self) -> str:
        return "livehead"

    async def start(
        self,
        agent_session: AgentSession[Any],
        room: rtc.Room,
        *,
        livekit_url: NotGivenOr[str] = NOT_GIVEN,
        livekit_api_key: NotGivenOr[str] = NOT_GIVEN,
        livekit_api_secret: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Open the call, and take the place of the session's audio output. To be awaited before the session starts.

        Raises ``ClientError`` for what the Livehead server refuses, and ``ValueError`` where a second participant is
        wanted and its credentials are not there, as arguments or as LIVEKIT_URL, LIVEKIT_API_KEY and
        LIVEKIT_API_SECRET. What was opened by then is closed.
        """
        self._second = self._second or bool(livekit_url or livekit_api_key or livekit_api_secret)
        async with contextlib.AsyncExitStack() as resources:
            await resources.enter_async_context(self._server)
            await resources.enter_async_context(self._call)
            publisher = room
            if self._second:
                publisher = await self._join(
                    room,
                    str(livekit_url or os.getenv("LIVEKIT_URL", "")),
                    str(livekit_api_key or os.getenv("LIVEKIT_API_KEY", "")),
                    str(livekit_api_secret or os.getenv("LIVEKIT_API_SECRET", "")),
                )
                resources.push_async_callback(publisher.disconnect)
            else:
                resources.push_async_callback(self._unpublish, room)
            output = await self._run(publisher, resources)
            await super().start(agent_session, room)
            agent_session.output.replace_audio_tail(output)
            self._resources = resources.pop_all()

    async def aclose(self) -> None:
        """Take the portrait out of the room and end the call. What is being spoken ends as interrupted. May be called
        twice."""
        await self._resources.aclose()
        if not self._second and self._room is not None:
            # the base class removes the participant that publishes the portrait: here it is the agent's own
            self._room.off("connection_state_changed", self._on_connection_state_changed)
            self._room = None
        await super().aclose()

    async def _run(self, room: rtc.Room, resources: contextlib.AsyncExitStack) -> AudioOutput:
        info = await self._server.info()
        generator = VideoGenerator(self._call, continuous=True)
        output = AudioOutput(sample_rate=SPEECH_RATE)
        generator.on_playback = output.on_segment
        runner = avatar.AvatarRunner(
            room,
            audio_recv=output,
            video_gen=generator,
            options=avatar.AvatarOptions(
                video_width=info.engine["size"],
                video_height=info.engine["size"],
                video_fps=FPS,
                audio_sample_rate=SOUND_RATE,
                audio_channels=1,
            ),
        )
        await runner.start()
        resources.push_async_callback(runner.aclose)
        resources.push_async_callback(generator.aclose)
        return output

    async def _join(self, room: rtc.Room, url: str, key: str, secret: str) -> rtc.Room:
        """The room, as the second participant sees it."""
        if not (url and key and secret):
            raise ValueError(
                "A second participant needs livekit_url, livekit_api_key and livekit_api_secret, or LIVEKIT_URL, "
                "LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the environment."
            )
        job = get_job_context(required=False)
        agent = room.local_participant.identity if job is None else job.local_participant_identity
        token = (
            api.AccessToken(key, secret)
            .with_kind("agent")
            .with_identity(self._identity)
            .with_name(self._name)
            .with_grants(api.VideoGrants(room_join=True, room=room.name, can_subscribe=False))
            .with_attributes({ATTRIBUTE_PUBLISH_ON_BEHALF: agent})
            .to_jwt()
        )
        joined = rtc.Room()
        await joined.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        return joined

    async def _unpublish(self, room: rtc.Room) -> None:
        """What the runner published as the agent's own participant; it leaves that to whoever closes the room."""
        if room.isconnected():
            for publication in list(room.local_participant.track_publications.values()):
                if publication.name in ("avatar_audio", "avatar_video"):
                    await room.local_participant.unpublish_track(publication.sid)
