"""A client with a call, in a process of its own: a line on its standard output for each picture.

python sleeper.py URL        # time, block and session of each: monotonic seconds, k of the test pattern, id
"""

from __future__ import annotations

import asyncio
import sys
import time

from livehead.client import Livehead
from livehead.core import test_pattern


async def main(url: str) -> None:
    async with Livehead(url) as server, server.call(source="mic", latency="low", probe=True) as call:
        async for picture, _ in call.media():
            code = test_pattern.read(picture[:, :, 1])
            if code is not None:
                print(time.monotonic(), code.k, call.id, flush=True)


asyncio.run(main(sys.argv[1]))
