"""Everything that can go wrong, as one tree.

    LiveheadError
    ├── UsageError                  the command line or a setting is wrong (exit code 2)
    ├── RequestError                a client's request cannot be served as it is
    │   ├── MalformedError          400
    │   ├── UnauthorizedError       401
    │   ├── ForbiddenError          403
    │   ├── NotFoundError           404
    │   ├── SlowReaderError         408  what was to be read is not there any more
    │   ├── ConflictError           409
    │   │   └── TooManyPortraitsError   409  as many as one owner may keep
    │   ├── PreconditionError       412  If-Match names another ICE session
    │   ├── TooLargeError           413
    │   ├── UnsupportedTypeError    415
    │   ├── UnprocessableError      422
    │   │   └── PortraitError       422  no face, not an image, too small
    │   ├── RateLimitError          429
    │   ├── NotConfiguredError      501  this server was not set up for it
    │   ├── SynthesisError          502  the text-to-speech failed
    │   │   └── SynthesisTimeoutError   504  it did not answer in time
    │   ├── UnavailableError        503  full, starting, draining
    │   ├── StoreError              500  what is kept cannot be read or written
    │   │   └── StoreDownError      503  the storage does not answer
    │   └── DiskFullError           507  there is no room for what is to be kept
    ├── EngineError                 the generator or its worker failed
    │   ├── EngineDownError         the worker died, or is stuck
    │   └── CheckpointError         weights are missing, cut short or not what they should be
    └── MediaError                  a file or a stream cannot be decoded or encoded

Each error says what happened and what to do next in its message. A :class:`RequestError` also
knows its HTTP status and the stable problem type of RFC 9457 that clients may switch on.
"""

from __future__ import annotations


class LiveheadError(Exception):
    """Base of every error that Livehead raises on purpose. ``str(error)`` is fit to show to a user."""

    status = 500
    problem = "internal"
    title = "The server failed"


class UsageError(LiveheadError):
    status = 400
    problem = "usage"
    title = "Bad usage"


class RequestError(LiveheadError):
    """``retry_after`` is in seconds, for 429 and 503."""

    status = 400
    problem = "malformed"
    title = "The request is malformed"
    retry_after: float | None = None

    def __init__(self, detail: str, *, problem: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(detail)
        if problem is not None:
            self.problem = problem
        if retry_after is not None:
            self.retry_after = retry_after


class MalformedError(RequestError):
    pass


class UnauthorizedError(RequestError):
    status = 401
    problem = "unauthorized"
    title = "No valid credentials"


class ForbiddenError(RequestError):
    status = 403
    problem = "forbidden"
    title = "Not allowed"


class NotFoundError(RequestError):
    status = 404
    problem = "not-found"
    title = "Not found"


class NotAcceptableError(RequestError):
    status = 406
    problem = "not-acceptable"
    title = "Not acceptable"


class SlowReaderError(RequestError):
    status = 408
    problem = "slow-reader"
    title = "Read too slowly"


class ConflictError(RequestError):
    status = 409
    problem = "conflict"
    title = "Already there"


class TooManyPortraitsError(ConflictError):
    problem = "too-many-portraits"
    title = "Too many portraits"


class PreconditionError(RequestError):
    status = 412
    problem = "precondition-failed"
    title = "A precondition failed"


class TooLargeError(RequestError):
    status = 413
    problem = "too-large"
    title = "Too large"


class UnsupportedTypeError(RequestError):
    status = 415
    problem = "unsupported-type"
    title = "Unsupported content type"


class UnprocessableError(RequestError):
    status = 422
    problem = "unprocessable"
    title = "Understood, but impossible"


class PortraitError(UnprocessableError):
    problem = "portrait"
    title = "This image cannot be a portrait"


class RateLimitError(RequestError):
    status = 429
    problem = "rate-limit"
    title = "Too many requests"
    retry_after = 1.0


class NotConfiguredError(RequestError):
    status = 501
    problem = "not-configured"
    title = "This server is not set up for it"


class SynthesisError(RequestError):
    status = 502
    problem = "synthesis-failed"
    title = "The text-to-speech failed"


class SynthesisTimeoutError(SynthesisError):
    status = 504
    problem = "synthesis-timeout"
    title = "The text-to-speech did not answer in time"


class UnavailableError(RequestError):
    status = 503
    problem = "unavailable"
    title = "Not available now"
    retry_after = 5.0


class StoreError(RequestError):
    status = 500
    problem = "store"
    title = "The server cannot keep files"


class StoreDownError(StoreError):
    status = 503
    problem = "store-down"
    title = "The storage does not answer"
    retry_after = 5.0


class DiskFullError(RequestError):
    status = 507
    problem = "disk-full"
    title = "The disk is full"


class EngineError(LiveheadError):
    status = 503
    problem = "engine"
    title = "The engine failed"


class EngineDownError(EngineError):
    problem = "engine-down"
    title = "The engine is down"


class CheckpointError(EngineError):
    problem = "checkpoint"
    title = "The model's weights cannot be used"


class MediaError(LiveheadError):
    status = 422
    problem = "media"
    title = "The media cannot be read"
