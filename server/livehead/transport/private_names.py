"""What Livehead relies on in uvicorn and websockets that they do not document."""

from __future__ import annotations

from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.server import ServerProtocol

METHODS = {
    HttpToolsProtocol: (
        "handle_websocket_upgrade on_body on_header on_headers_complete on_message_begin on_message_complete "
        "on_response_complete on_url timeout_keep_alive_handler _should_upgrade _unset_keepalive_if_required"
    ),
    FlowControl: "pause_reading resume_reading",
    WebSocketsSansIOProtocol: (
        "handle_bytes handle_connect handle_cont handle_ping handle_pong handle_text run_asgi send_receive_event_to_app"
    ),
    ServerProtocol: "data_to_send fail receive_data",
    uvicorn.Server: "main_loop shutdown startup",
}

FIELDS = {
    HttpToolsProtocol: (
        "cycle flow headers parser pipeline timeout_keep_alive timeout_keep_alive_task transport ws_protocol_class"
    ),
    RequestResponseCycle: (
        "disconnected keep_alive message_event more_body on_response response_complete response_started"
    ),
    FlowControl: "read_paused",
    WebSocketsSansIOProtocol: (
        "close_sent close_timer conn curr_msg_data_type frames handshake_complete handshake_initiated queue read_paused"
    ),
    ServerProtocol: "handshake_exc",
}
"""They are set by methods of the class, so its code names them."""


def check_private_names() -> None:
    """Raises RuntimeError that says what is missing in the installed versions."""
    missing = sorted(_missing())
    if missing:
        raise RuntimeError(
            f"uvicorn {uvicorn.__version__} or the installed websockets has no {', '.join(missing)}, which Livehead "
            "needs. Install the versions that constraints.txt names."
        )


def _missing() -> Iterator[str]:
    for owner, names in METHODS.items():
        yield from (f"{owner.__name__}.{name}" for name in names.split() if not hasattr(owner, name))
    for owner, names in FIELDS.items():
        known = {name for base in owner.__mro__ for name in _named(base)}
        yield from (f"{owner.__name__}.{name}" for name in names.split() if name not in known)


def _named(owner: type) -> Iterator[str]:
    for item in vars(owner).values():
        if code := getattr(item, "__code__", None):
            yield from code.co_names
