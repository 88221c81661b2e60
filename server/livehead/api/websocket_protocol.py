"""uvicorn's WebSocket protocol, save for text that is not UTF-8.

uvicorn logs a traceback and closes. Here the application gets it, with surrogates in place of the bytes that
cannot be decoded (:pep:`383`), and tells the client.
"""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """For ``uvicorn.Config(ws=…)``."""

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            text = b"".join(self.frames)
            try:
                text.decode()
            except UnicodeDecodeError:
                self.frames = []
                if self.close_sent:
                    return
                self.queue.put_nowait({"type": "websocket.receive", "text": text.decode(errors="surrogateescape")})
                if not self.read_paused:
                    self.read_paused = True
                    self.transport.pause_reading()
                return
        super().send_receive_event_to_app()
