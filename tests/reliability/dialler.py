"""One call after the other: prints how long each took to show a picture, in seconds.

python tests/reliability/dialler.py URL COUNT
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from livehead.client import Livehead


async def main(url: str, count: int) -> None:
    for _ in range(count):
        began = time.monotonic()
        async with Livehead(url) as server, server.call(source="mic") as call:
            async for _ in call.media():
                print(time.monotonic() - began, flush=True)
                break

    os._exit(0)  # threads may be waiting for names for a while yet


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
