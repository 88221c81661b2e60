"""Which storage the settings ask for."""

from __future__ import annotations

import importlib.util
from importlib import import_module

from livehead.errors import UsageError
from livehead.settings import Settings
from livehead.store.objects.base import ObjectStore
from livehead.store.objects.folder import FolderStore

SCHEME = "s3://"


def open_store(settings: Settings) -> ObjectStore:
    """A bucket where one is set, else the data folder. Raises UsageError."""
    store = settings.store
    if store.bucket is None:
        return FolderStore(settings.server.data_dir)
    if importlib.util.find_spec("obstore") is None:
        raise UsageError("--bucket takes a package that is not installed: pip install 'livehead[s3]'.")
    bucket, _, prefix = store.bucket.removeprefix(SCHEME).partition("/")
    opened: ObjectStore = import_module("livehead.store.objects.bucket").BucketStore(
        bucket, prefix.strip("/"), endpoint=store.bucket_endpoint, region=store.bucket_region
    )
    return opened
