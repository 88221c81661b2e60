"""What a generator raised, as something that can be told to the host."""

from __future__ import annotations

import traceback

from livehead.engine.ipc.messages import Open, Refused
from livehead.errors import EngineError, LiveheadError


def describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def typed(error: Exception) -> LiveheadError:
    """The error as one that the host can raise: one of ours as it is, any other as an :class:`EngineError`."""
    if isinstance(error, LiveheadError) and type(error).__module__ == LiveheadError.__module__:
        return error
    return EngineError(describe(error))


def refusal(opening: Open, error: Exception) -> Refused:
    """The answer to an opening that failed; called where the error is handled."""
    return Refused(opening.stream, typed(error), traceback.format_exc())
