"""What clients change of a session that goes on, each no more often than they may."""

from __future__ import annotations

from collections.abc import Callable

from livehead.avatars import AvatarStore
from livehead.core.latency_choice import AUTO
from livehead.core.look import Look
from livehead.engine.base import GeneratorInfo
from livehead.sessions.admission.steering_rates import SteeringRates
from livehead.sessions.pipeline import Pipeline
from livehead.sessions.portrait.look_check import check_change
from livehead.sessions.portrait.portrait import Portrait
from livehead.sessions.session_latency import SessionLatency
from livehead.sessions.session_trace import SessionTrace


class Steering:
    """Of one session. ``owner`` is whose avatars it may show, ``look`` what it was opened with."""

    def __init__(
        self,
        portrait: Portrait,
        pipeline: Pipeline,
        latency: SessionLatency,
        trace: SessionTrace,
        rates: SteeringRates,
        avatars: AvatarStore,
        generator: GeneratorInfo,
        owner: str,
        look: Look,
    ) -> None:
        self._portrait = portrait
        self._pipeline = pipeline
        self._latency = latency
        self._trace = trace
        self._rates = rates
        self._avatars = avatars
        self._generator = generator
        self._owner = owner
        self._look = look

    def choose_avatar(self, avatar: str, on_error: Callable[[Exception], None]) -> None:
        """Go on with another portrait, of several choices with the newest. Returns at once; the old portrait is shown
        until the new one is there. It stays if that fails: then ``on_error`` is called, with PortraitError or
        EngineError for example. Raises NotFoundError for an avatar that there is not, and RateLimitError."""
        self._rates.count_avatar()
        self._avatars.get(avatar, self._owner)
        self._portrait.choose(on_error, avatar=avatar)

    def choose_look(self, look: Look, on_error: Callable[[Exception], None]) -> None:
        """Go on with another background, as :meth:`choose_avatar` with another portrait. Raises UnprocessableError for
        one that the engine cannot give, or that needs a new session, NotFoundError for a picture that there is not, and
        RateLimitError."""
        self._rates.count_avatar()
        check_change(look, self._look, self._generator, self._avatars, self._owner)
        self._portrait.choose(on_error, look=look)

    def choose_latency(self, name: str) -> None:
        """``auto`` leaves it as it is, to be moved by the server. Raises UnprocessableError for an unknown preset, and
        RateLimitError."""
        self._rates.count_preset()
        if name != AUTO:
            self._trace.moving(self._latency.preset, name, "client")
        self._latency.choose(name)

    def interrupt(self) -> None:
        """Drop what was not shown yet. Raises RateLimitError."""
        self._rates.count_interrupt()
        self._pipeline.interrupt()
