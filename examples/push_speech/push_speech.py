"""Speak a mono 16-bit WAV file through a session that was opened with source=push. Ctrl-C interrupts it.

python push_speech.py http://127.0.0.1:8080 SESSION speech.wav
"""

import asyncio
import json
import sys
import wave

from websockets.asyncio.client import connect


async def speak(server: str, session: str, path: str) -> None:
    with wave.open(path) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    url = f"{server.replace('http', 'ws', 1)}/v1/sessions/{session}/speech?rate={rate}"
    async with connect(url, ping_interval=None) as socket:
        try:
            for start in range(0, len(pcm), 9600):
                await socket.send(pcm[start : start + 9600])
            await socket.send('{"type":"end"}')
            async for text in socket:
                message = json.loads(text)
                print(message, flush=True)  # {'type': 'playback', 'state': 'started', 'k': 0}, …
                if message.get("state") in ("finished", "interrupted"):
                    return
        except asyncio.CancelledError:  # Ctrl-C
            await socket.send('{"type":"interrupt"}')
            raise


if __name__ == "__main__":
    asyncio.run(speak(*sys.argv[1:]))
