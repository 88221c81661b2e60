"""The TCP connections there are: how many, of whom, and which one makes room for the next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from livehead.core.networks import network_of
from livehead.metrics import Metrics
from livehead.settings import LimitSettings
from livehead.transport.proxies import Proxies


class Watched(Protocol):
    """What is served on a connection."""

    def check(self, now: float) -> None:
        """Called every now and then, to end what takes too long. ``now`` is the event loop's time in seconds."""


class Connection:
    """One TCP connection, from :meth:`Connections.admit` to :meth:`forget`. It is idle until :meth:`occupy`.

    ``network`` is whose it is, None for a trusted proxy's. ``abort`` closes it at once. ``served`` is what is
    checked for how long it takes.
    """

    __slots__ = ("_connections", "abort", "is_socket", "network", "served")

    def __init__(self, connections: Connections, network: str | None, abort: Callable[[], object]) -> None:
        self._connections = connections
        self.abort = abort
        self.network = network
        self.is_socket = False
        self.served: Watched | None = None

    def occupy(self) -> None:
        """A request is in progress."""
        self._connections.occupy(self)

    def release(self) -> None:
        """It has been answered."""
        self._connections.release(self)

    def become_socket(self) -> bool:
        """Keep the connection as a WebSocket's; False where there are too many of those."""
        return self._connections.keep(self)

    def refuse(self, reason: str) -> None:
        """Count that the server has ended the connection, or is about to."""
        self._connections.count(reason)

    def drop(self, reason: str) -> None:
        """End the connection now, whatever waits to be sent."""
        self._connections.count(reason)
        self.forget()
        self.abort()

    def forget(self) -> None:
        """The connection is gone. May be called twice."""
        self._connections.forget(self)


class Connections:
    """Bounded by client address and in all.

    Past the bound of an address its own longest idle connection is closed, or the new one where none is idle. Past the
    bound of all the longest idle one is, then the one whose request takes longest. WebSockets are never closed for
    others, and may take three quarters, so a request is always served.
    """

    def __init__(self, limits: LimitSettings, proxies: Proxies, metrics: Metrics) -> None:
        self._most = limits.max_connections
        self._most_sockets = limits.max_connections * 3 // 4
        self._most_of_one = limits.max_connections_per_address
        self._proxies = proxies
        self._refused = metrics.requests.connections_refused
        self._all: set[Connection] = set()
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._busy: OrderedDict[Connection, None] = OrderedDict()
        self._sockets = 0
        self._clients: dict[str, _Client] = {}
        metrics.requests.connections.set_function(lambda: len(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, address: str, abort: Callable[[], object]) -> Connection | None:
        """Count a connection that was just made; None where it has to be closed instead."""
        network = None if address in self._proxies else network_of(address)
        if not self._make_room_for(network) or not self._make_room():
            return None
        connection = Connection(self, network, abort)
        self._all.add(connection)
        if network is not None:
            self._clients.setdefault(network, _Client()).count += 1
        self.release(connection)
        return connection

    def occupy(self, connection: Connection) -> None:
        if connection in self._all and not connection.is_socket:
            self._not_idle(connection)
            self._busy[connection] = None

    def release(self, connection: Connection) -> None:
        if connection not in self._all or connection.is_socket:
            return
        self._busy.pop(connection, None)
        self._idle[connection] = None
        self._idle.move_to_end(connection)
        if connection.network is not None:
            idle = self._clients[connection.network].idle
            idle[connection] = None
            idle.move_to_end(connection)

    def keep(self, connection: Connection) -> bool:
        if self._sockets >= self._most_sockets:
            return False
        if connection in self._all and not connection.is_socket:
            self._not_idle(connection)
            self._busy.pop(connection, None)
            self._sockets += 1
            connection.is_socket = True
        return True

    def forget(self, connection: Connection) -> None:
        if connection not in self._all:
            return
        self._all.discard(connection)
        self._not_idle(connection)
        self._busy.pop(connection, None)
        self._sockets -= connection.is_socket
        if connection.network is not None:
            client = self._clients[connection.network]
            client.count -= 1
            if not client.count:
                del self._clients[connection.network]

    def count(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def check(self, now: float) -> None:
        """End what takes too long; ``now`` is the event loop's time."""
        for connection in list(self._all):
            if connection.served is not None:
                connection.served.check(now)

    def _make_room_for(self, network: str | None) -> bool:
        client = self._clients.get(network) if network is not None else None
        if client is None or client.count < self._most_of_one:
            return True
        oldest = next(iter(client.idle), None)
        if oldest is None:
            self.count("address")
            return False
        oldest.drop("address")
        return True

    def _make_room(self) -> bool:
        if len(self._all) < self._most:
            return True
        oldest = next(iter(self._idle), None) or next(iter(self._busy), None)
        if oldest is None:
            self.count("total")
            return False
        oldest.drop("total")
        return True

    def _not_idle(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        if connection.network is not None:
            self._clients[connection.network].idle.pop(connection, None)


class _Client:
    """The connections of one address."""

    __slots__ = ("count", "idle")

    def __init__(self) -> None:
        self.count = 0
        self.idle: OrderedDict[Connection, None] = OrderedDict()
