"""What goes wrong between the ingress and a replica."""

from __future__ import annotations

from livehead.errors import NotFoundError, RequestError, UnavailableError


class ReplicaLostError(RequestError):
    """A replica did not answer, or broke off before it had."""

    status = 502
    problem = "replica-lost"
    title = "The replica does not answer"
    retry_after = 1.0


class ReplicaTimeoutError(RequestError):
    status = 504
    problem = "replica-timeout"
    title = "The replica did not answer in time"
    retry_after = 1.0


def no_session() -> NotFoundError:
    return NotFoundError("There is no such session: it has ended, or its replica is gone. POST /v1/sessions opens one.")


def no_replica(count: int) -> UnavailableError:
    """None of ``count`` replicas takes what was asked."""
    if count:
        return UnavailableError(
            f"None of the fleet's {count} replicas takes sessions now: they start, drain, or do not answer.",
            problem="starting",
            retry_after=2,
        )
    return UnavailableError("The fleet has no replica yet.", problem="starting", retry_after=5)


def lost(name: str, error: Exception) -> ReplicaLostError:
    return ReplicaLostError(
        f"Replica {name} did not answer: {str(error) or type(error).__name__}. If it is gone, so is its session: open "
        "another."
    )
