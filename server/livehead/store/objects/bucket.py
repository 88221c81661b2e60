"""A bucket of S3, or of a server that speaks its protocol, as storage.

obstore: one wheel without dependencies, conditional writes, retries and multipart uploads built in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from livehead.errors import StoreDownError, StoreError, UsageError
from livehead.files.whole import storing
from livehead.store.objects.base import ObjectInfo, StoredObject

if TYPE_CHECKING:
    from obstore.store import S3Config

REQUEST_S = 20.0
CONNECT_S = 3.0
"""How long a request, and a connection, may take."""

RETRIES = 3
RETRY_S = 15.0
"""A request that fails is made again so often, for so long at most."""

PIECE = 1024 * 1024
"""Bytes of a film that are asked for at once, at least."""

PROBE = "probe"

MAX_LOGGED = 300
"""Characters of what the library says."""

_CLOCK = ("RequestTimeTooSkewed", "RequestExpired")
_REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403 Forbidden")
_NO_CREDENTIALS = ("169.254.169.254",)
"""What is asked last, where there are none."""

logger = logging.getLogger(__name__)


class BucketStore:
    """Implements :class:`~livehead.store.objects.base.ObjectStore`. ``prefix`` goes before all keys; credentials are
    those of the environment or of the machine's role, as for every program that uses S3."""

    poll_s = 2.0

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        patient: bool = True,
    ) -> None:
        """``patient`` says that what fails is tried again."""
        self._name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._endpoint = endpoint
        config: S3Config = {}
        if endpoint is not None:
            config["endpoint"] = endpoint
        if region is not None:
            config["region"] = region
        plain = endpoint is not None and endpoint.startswith("http://")
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            client_options={
                "allow_http": plain,
                "timeout": timedelta(seconds=REQUEST_S),
                "connect_timeout": timedelta(seconds=CONNECT_S),
            },
            retry_config={
                "max_retries": RETRIES if patient else 0,
                "retry_timeout": timedelta(seconds=RETRY_S),
            },
            config=config,
        )

    def describe(self) -> str:
        return f"the bucket {self._name}" + (f" at {self._endpoint}" if self._endpoint else "")

    def check(self) -> None:
        try:
            key = f"{PROBE}/{time.time_ns():x}"
            with self._asking():
                obstore.put(self._store, key, b"probe", mode="create")
                with suppress(AlreadyExistsError):
                    obstore.put(self._store, key, b"twice", mode="create")
                    raise UsageError(
                        f"{self.describe()} overwrites what is to be written once (If-None-Match), so that several "
                        "servers cannot share it. Use a server that knows conditional writes."
                    )
                obstore.delete(self._store, key)
        except StoreDownError:
            raise UsageError(
                f"--bucket: {self.describe()} does not answer. Check the network, and --bucket-endpoint."
            ) from None
        except StoreError as error:
            raise UsageError(f"--bucket: {error}") from None

    def check_room(self, min_free_mb: int) -> None:
        pass

    def info(self, key: str) -> ObjectInfo | None:
        try:
            with self._asking():
                found = obstore.head(self._store, key)
        except FileNotFoundError:
            return None
        return ObjectInfo(key, found["size"], found["e_tag"] or "", found["last_modified"].timestamp())

    def list(self, prefix: str) -> list[ObjectInfo]:
        with self._asking():
            found = obstore.list(self._store, prefix).collect()
        return [
            ObjectInfo(str(each["path"]), each["size"], each["e_tag"] or "", each["last_modified"].timestamp())
            for each in found
        ]

    def get(self, key: str) -> StoredObject | None:
        try:
            with self._asking():
                found = obstore.get(self._store, key)
                return StoredObject(bytes(found.bytes()), found.meta["e_tag"] or "")
        except FileNotFoundError:
            return None

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        if start >= stop:
            return
        with self._asking():
            for piece in obstore.get(self._store, key, options={"range": (start, stop)}).stream(min_chunk_size=PIECE):
                yield bytes(piece)

    def put(self, key: str, data: bytes) -> str:
        with self._asking():
            return obstore.put(self._store, key, data)["e_tag"] or ""

    def put_together(self, prefix: str, files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            self.put(f"{prefix}/{name}", data)

    def create(self, key: str, data: bytes) -> str | None:
        try:
            with self._asking():
                return obstore.put(self._store, key, data, mode="create")["e_tag"] or ""
        except FileExistsError:
            return self._version_of(key, data)

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        try:
            with self._asking():
                return obstore.put(self._store, key, data, mode={"e_tag": version})["e_tag"] or ""
        except FileNotFoundError:
            return None
        except FileExistsError:
            return self._version_of(key, data)

    def take_in(self, key: str, path: Path) -> None:
        with self._asking():
            obstore.put(self._store, key, path)

    def delete(self, key: str) -> None:
        with suppress(FileNotFoundError), self._asking():
            obstore.delete(self._store, key)

    def delete_together(self, prefix: str, names: Sequence[str]) -> None:
        for name in names:
            self.delete(f"{prefix}/{name}")

    def sweep(self, prefix: str) -> None:
        pass  # an object appears when all of it is there

    def announce(self, server: str) -> None:
        pass

    def is_gone(self, server: str) -> bool:
        return False

    def withdraw(self, server: str) -> None:
        pass

    def path(self, key: str) -> Path | None:
        return None

    def fetch(self, key: str, target: Path) -> Path:
        info = self.info(key)
        if info is None:
            raise FileNotFoundError(key)
        with storing(target.parent), target.open("wb") as file:
            for piece in self.read(key, 0, info.size):
                file.write(piece)
        return target

    def _version_of(self, key: str, data: bytes) -> str | None:
        """A write that was made again after its answer was lost meets itself: then it is there."""
        found = self.get(key)
        return found.version if found is not None and found.data == data else None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Raises FileNotFoundError and FileExistsError, StoreError for a refusal and StoreDownError for no answer, in
        place of the library's errors."""
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            if "NoSuchBucket" in str(error):
                raise self._refusal(error) from None
            raise FileNotFoundError(str(error)) from None
        except (AlreadyExistsError, PreconditionError, NotModifiedError) as error:
            raise FileExistsError(str(error)) from None
        except (BaseError, OSError) as error:
            raise self._refusal(error) from None

    def _refusal(self, error: Exception) -> StoreError:
        said = str(error)
        if "NoSuchBucket" in said:
            return StoreError(f"There is no bucket {self._name}. Make it, or check its name and --bucket-endpoint.")
        if any(each in said for each in _CLOCK):
            return StoreError(
                f"{self._name} refuses requests because this machine's clock is wrong. Set it by NTP (timedatectl)."
            )
        if any(each in said for each in _NO_CREDENTIALS):
            return StoreError(f"{self._name} needs credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
        refused = isinstance(error, (PermissionDeniedError, UnauthenticatedError))
        if refused or any(each in said for each in _REFUSED):
            return StoreError(
                f"{self._name} refuses the credentials. Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that "
                "they may list, read, write and delete in it."
            )
        logger.warning("%s does not answer: %s", self.describe(), said.partition("\n")[0][:MAX_LOGGED])
        return StoreDownError("The storage does not answer. Try again in a moment.")
