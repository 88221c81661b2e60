"""An agent of LiveKit with a face: it plays a mono 16-bit WAV file to whoever joins its room.

GREETING=hello.wav python greeter.py dev
"""

import os
import wave
from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from livehead.integrations.livekit import AvatarSession

server = AgentServer()


@server.rtc_session()
async def greet(job: JobContext) -> None:
    await job.connect()
    session = AgentSession()  # of your agent: AgentSession(stt=…, llm=…, tts=…)
    avatar = AvatarSession(url="http://127.0.0.1:8080", portrait="default")
    await avatar.start(session, room=job.room)  # before the session starts
    await session.start(Agent(instructions="You greet people."), room=job.room)
    session.say("Hello!", audio=sound(os.environ["GREETING"]))


async def sound(path: str) -> AsyncIterator[rtc.AudioFrame]:
    with wave.open(path) as file:
        rate = file.getframerate()
        while samples := file.readframes(rate // 20):
            yield rtc.AudioFrame(samples, rate, 1, len(samples) // 2)


if __name__ == "__main__":
    cli.run_app(server)
