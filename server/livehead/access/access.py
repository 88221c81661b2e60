"""Who makes a request, and how often they may."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from livehead.access.audit import Audit
from livehead.access.key_file import read_keys
from livehead.access.keys import KEY, KeyRing, StoredKey, parse_line
from livehead.access.rates import Rate
from livehead.access.tokens import Grant, Tokens
from livehead.access.uses import OwnUses, Uses
from livehead.core.identity import Identity
from livehead.core.networks import network_of
from livehead.errors import RequestError, UnauthorizedError, UnavailableError, UsageError
from livehead.settings import Settings

DEFAULT_FILE = "keys"
"""The key file's name in the data folder."""

UPLOADS_AT_ONCE = 16
UPLOADS_OF_ADDRESS = 4
"""Uploads that are in memory at once, and those of one client address."""

logger = logging.getLogger(__name__)


class Access:
    """All routes ask the one object. Reads the key file when it is made, so make it before the event loop runs.

    ``open`` says that there are no keys: everybody may do everything.
    """

    def __init__(self, settings: Settings, uses: Uses | None = None) -> None:
        """``uses`` counts those of tokens; by default in memory. Raises UsageError for a key file that cannot be read,
        and for keys in the settings that are none."""
        limits = settings.limits
        self._file = find_key_file(settings)
        self._more = tuple(_parse_setting(line) for line in settings.access.api_keys)
        self._ring = self._read()
        self.open = self._file is None and not self._more
        self.audit = Audit()
        self._tokens = Tokens(settings.access.token_secret, settings.access.token_seconds)
        self._uses = uses or OwnUses()
        self._offers = Rate("offers", limits.offers_per_second)
        self._sockets = Rate("WebSockets", limits.offers_per_second)
        self._minted = Rate("tokens", limits.tokens_per_second)
        uploads = settings.store.uploads_per_minute
        self._uploads = Rate("uploads", uploads / 60, burst=uploads)
        self._uploading: Counter[str] = Counter()
        self._failures = Rate("wrong credentials", limits.failures_per_minute / 60)

    @property
    def key_file(self) -> Path | None:
        """The file that the keys are read from, None where there is none."""
        return self._file

    @property
    def names(self) -> frozenset[str]:
        """The names of the keys there are."""
        return self._ring.names

    def identify(self, credential: str | None, address: str, *, in_url: bool = False) -> Identity:
        """Who comes with an API key or a token, from a client address. ``in_url`` says that it stood in the address
        of the request, where a key must not be.

        Raises UnauthorizedError for none and for a wrong one, and RateLimitError for an address that tried too many.
        """
        if self.open:
            return Identity(address)
        if not credential:
            raise UnauthorizedError(
                "This server needs an API key or a token: send `Authorization: Bearer …`, or the token in the offer "
                "or a WebSocket's query."
            )
        network = network_of(address)
        self._failures.check(network)
        try:
            return self._identify(credential, address, in_url=in_url)
        except UnauthorizedError:
            self._failures.take(network)
            raise

    def make_token(self, identity: Identity, grant: Grant) -> str:
        """A token of the identity's key. Raises RateLimitError."""
        self._minted.take(*self._who(identity))
        return self._tokens.make(identity.owner, grant)

    @property
    def token_seconds(self) -> int:
        """Lifetime of a token."""
        return self._tokens.seconds

    @asynccontextmanager
    async def opening(self, identity: Identity) -> AsyncIterator[None]:
        """Around what opens a session: counts an offer, and a use of the token, which is given back where the session
        is refused. Raises RateLimitError, ForbiddenError and StoreError."""
        self.count_offer(identity)
        await self._uses.spend(identity)
        try:
            yield
        except BaseException:
            try:
                await asyncio.shield(self._uses.give_back(identity))
            except RequestError as error:
                logger.warning("a use of a token was not given back: %s", error)
            raise

    def count_offer(self, identity: Identity) -> None:
        """Raises RateLimitError."""
        self._offers.take(*self._who(identity))

    def count_socket(self, address: str) -> None:
        """WebSockets are opened as often as offers may be made. Raises RateLimitError."""
        self._sockets.take(network_of(address))

    def count_credentials(self, identity: Identity) -> None:
        """TURN credentials are made as often as tokens may be. Raises RateLimitError."""
        self._minted.take(*self._who(identity))

    @contextmanager
    def uploading(self, identity: Identity) -> Iterator[None]:
        """Around what reads an upload and works on it: counts one, and holds one of the places for those that come at
        the same time. Raises RateLimitError, and UnavailableError where all places are taken."""
        self._uploads.take(*self._who(identity))
        network = network_of(identity.address)
        if self._uploading.total() >= UPLOADS_AT_ONCE or self._uploading[network] >= UPLOADS_OF_ADDRESS:
            raise UnavailableError("Too many uploads at once. Try again in a moment.", retry_after=2.0)
        self._uploading[network] += 1
        try:
            yield
        finally:
            self._uploading[network] -= 1
            self._uploading += Counter()  # drops those at zero

    def refused(self, error: RequestError, *, address: str, owner: str = "", what: str) -> None:
        """Note a refusal in the log."""
        self.audit.refused(error, address=address, owner=owner, what=what)

    async def reload(self, on_revoked: Callable[[frozenset[str]], None]) -> None:
        """Read the key file again. ``on_revoked`` gets the names that have no key any more. A file that cannot be read
        is logged, and the keys stay as they were."""
        before = self.names
        try:
            self._ring = await asyncio.to_thread(self._read)
        except UsageError as error:
            logger.error("the keys stay as they were: %s", error)
            return
        logger.info("keys read again: %d names", len(self.names))
        if gone := before - self.names:
            on_revoked(gone)

    def _identify(self, credential: str, address: str, *, in_url: bool) -> Identity:
        if KEY.fullmatch(credential):
            if in_url:
                raise UnauthorizedError(
                    "An API key must not stand in a URL, where logs keep it: revoke this one, and make tokens with "
                    "POST /v1/tokens for clients.",
                    problem="key-in-url",
                )
            stored = self._ring.find(credential)
            if stored is None:
                raise UnauthorizedError("No such API key; it may have been revoked.", problem="key-unknown")
            return Identity(address, stored.name)
        return self._tokens.read(credential, address, self.names)

    def _who(self, identity: Identity) -> tuple[str, ...]:
        network = network_of(identity.address)
        return (f"address {network}", f"key {identity.owner}") if identity.owner else (f"address {network}",)

    def _read(self) -> KeyRing:
        return KeyRing((*(read_keys(self._file) if self._file is not None else ()), *self._more))


def find_key_file(settings: Settings) -> Path | None:
    """The key file in use: the one that was set, or the one in the data folder where it exists."""
    if settings.access.keys is not None:
        return settings.access.keys
    default = settings.server.data_dir / DEFAULT_FILE
    return default if default.exists() else None


def _parse_setting(line: str) -> StoredKey:
    try:
        return parse_line(line)
    except UsageError as error:
        raise UsageError(f"LIVEHEAD_API_KEYS: {error}.") from None
