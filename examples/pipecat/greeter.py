"""A bot of Pipecat with a face: it plays a mono 16-bit WAV file to whoever opens its page.

GREETING=hello.wav python greeter.py -t webrtc
"""

import os
import wave

from pipecat.frames.frames import TTSAudioRawFrame, TTSStartedFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.runner.types import SmallWebRTCRunnerArguments
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

from livehead.integrations.pipecat import LiveheadVideoService

OUTPUT = TransportParams(
    audio_in_enabled=True,
    audio_out_enabled=True,
    video_out_enabled=True,
    video_out_is_live=True,  # each picture once, when it comes
    video_out_width=512,  # as the server's: /v1/info says it
    video_out_height=512,
)


async def bot(arguments: SmallWebRTCRunnerArguments) -> None:
    transport = SmallWebRTCTransport(arguments.webrtc_connection, OUTPUT)
    face = LiveheadVideoService(url=os.environ.get("LIVEHEAD", "http://127.0.0.1:8080"))
    # of your bot: [transport.input(), stt, context.user(), llm, tts, face, transport.output(), context.assistant()]
    pipeline = Pipeline([transport.input(), face, transport.output()])
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_out_sample_rate=48_000))

    @transport.event_handler("on_client_connected")
    async def greet(transport: SmallWebRTCTransport, client: object) -> None:
        with wave.open(os.environ["GREETING"]) as file:
            audio, rate = file.readframes(file.getnframes()), file.getframerate()
        await worker.queue_frames([TTSStartedFrame(), TTSAudioRawFrame(audio, rate, 1), TTSStoppedFrame()])

    @transport.event_handler("on_client_disconnected")
    async def leave(transport: SmallWebRTCTransport, client: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
