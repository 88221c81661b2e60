"""uvicorn's WebSocket protocol with three changes, for ``uvicorn.Config(ws=…)``.

uvicorn parses all that a read brought before anything else runs: a quarter of a megabyte of small messages holds
the event loop for a quarter of a second. Here it is parsed in slices, and others have their turn in between.

For text that is not UTF-8 uvicorn logs a traceback and closes. Here the application gets it, with surrogates in
place of the bytes that cannot be decoded (:pep:`383`), and tells the client.

A connection that uvicorn closed because of broken frames is gone for an application that is about to send, which
uvicorn calls an error of the application.
"""

from __future__ import annotations

from asyncio import Transport
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

SLICE = 4096
"""Bytes that are parsed at once."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """While a backlog waits to be parsed nothing more is read from the connection."""

    transport: Transport

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._backlog = bytearray()

    def data_received(self, data: bytes) -> None:
        idle = not self._backlog
        self._backlog += data
        if idle:
            self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        self._backlog.clear()
        super().connection_lost(exc)

    async def receive(self) -> Any:
        message = await self.queue.get()
        self._read_on()
        return message

    async def send(self, message: Any) -> None:
        if self.close_sent and message["type"] == "websocket.send":
            raise ClientDisconnected
        await super().send(message)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            text = b"".join(self.frames)
            try:
                text.decode()
            except UnicodeDecodeError:
                self.frames = []
                if not self.close_sent:
                    self.queue.put_nowait({"type": "websocket.receive", "text": text.decode(errors="surrogateescape")})
                    self._pause()
                return
        super().send_receive_event_to_app()

    def _parse(self) -> None:
        if self.transport.is_closing():
            self._backlog.clear()
            return
        data = bytes(self._backlog[:SLICE])
        del self._backlog[:SLICE]
        super().data_received(data)
        if self._backlog:
            self._pause()
            self.loop.call_soon(self._parse)
        else:
            self._read_on()

    def _pause(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self.read_paused and not self._backlog and self.queue.empty() and not self.transport.is_closing():
            self.read_paused = False
            self.transport.resume_reading()
