"""Every setting, one frozen class per stage. The command line wins over ``LIVEHEAD_<NAME>`` in the
environment, and that wins over the defaults here. docs/configuration.md is checked against this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from livehead.errors import UsageError

LatencyName: TypeAlias = Literal["low", "balanced", "throughput"]
AttentionName: TypeAlias = Literal["auto", "fa3", "fa2", "fa4", "cudnn", "sdpa"]
ProductsName: TypeAlias = Literal["exact", "fp8"]
EngineName: TypeAlias = Literal["auto", "preview", "flashhead"]


class _Stage(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LIVEHEAD_", frozen=True, extra="ignore")


class ServerSettings(_Stage):
    """The HTTP door."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    tls_cert: Path | None = Field(None, description="PEM certificate chain; serves HTTPS together with tls_key.")
    tls_key: Path | None = Field(None, description="PEM private key of tls_cert.")
    cors_origins: tuple[str, ...] = Field(
        ("*",), description="Origins whose pages may call the API, as a JSON list; * for any."
    )
    data_dir: Path = Field(Path("data"), description="Folder for uploaded portraits; this version takes none yet.")
    drain_seconds: float = Field(5.0, ge=0, description="How long live sessions may go on after SIGTERM, in seconds.")

    @model_validator(mode="after")
    def _tls_is_a_pair(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("give both tls_cert and tls_key, or neither")
        return self


class EngineSettings(_Stage):
    """The generator and its worker process."""

    engine: EngineName = Field("auto", description="auto: flashhead if CUDA and the weights are there, else preview.")
    variant: Literal["lite", "pro"] = Field("lite", description="FlashHead variant.")
    models: Path = Field(Path("models"), description="Folder that holds the downloaded weights.")
    device: str = Field("cuda:0", description="torch device of the flashhead engine.")
    attention: AttentionName = Field(
        "auto", description="Attention kernel of the flashhead engine: auto, fa3, fa2, fa4, cudnn or sdpa."
    )
    products: ProductsName = Field(
        "exact",
        description="Products of the flashhead transformer: exact, or fp8, which is faster and some per cent off.",
    )
    size: int = Field(512, ge=64, le=1024, multiple_of=32, description="Side of the square frame, in pixels.")
    heartbeat_seconds: float = Field(
        5.0, gt=0, description="A worker that is silent for so long is stuck, and is restarted. In seconds."
    )


class MediaSettings(_Stage):
    """WebRTC."""

    stun_urls: tuple[str, ...] = Field((), description="STUN URLs given to clients, as a JSON list of stun:host:port.")
    turn_urls: tuple[str, ...] = Field((), description="TURN URLs, as a JSON list of turn:host:port?transport=udp.")
    turn_secret: str | None = Field(
        None, description="Shared secret of the TURN server (coturn's static-auth-secret), for ephemeral credentials."
    )
    turn_ttl: int = Field(600, ge=60, le=600, description="Life of a TURN credential in seconds.")
    silence_timeout: float = Field(
        10.0, gt=0, description="A session whose client sends no media for so long is ended. In seconds."
    )


class SessionSettings(_Stage):
    """Admission and the defaults of a session."""

    max_sessions: int | None = Field(
        None,
        ge=1,
        description="Most sessions at once; one more is answered with 503. Never more than the engine was measured to "
        "hold, and as many as that where it is not set.",
    )
    latency: LatencyName = Field("low", description="Latency preset of a session that names none.")


@dataclass(frozen=True, slots=True)
class Settings:
    """All stages together."""

    server: ServerSettings = field(default_factory=ServerSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    sessions: SessionSettings = field(default_factory=SessionSettings)


_AnyStage = TypeVar("_AnyStage", bound=_Stage)


def stages() -> tuple[type[BaseSettings], ...]:
    """Every stage's class."""
    return (ServerSettings, EngineSettings, MediaSettings, SessionSettings)


def load(given: Mapping[str, Any]) -> Settings:
    """The settings, with those ``given`` by name in place of the environment's.

    Raises :class:`~livehead.errors.UsageError` in one line that names the setting.
    """

    def make(stage: type[_AnyStage]) -> _AnyStage:
        return stage(**{name: value for name, value in given.items() if name in stage.model_fields})

    try:
        return Settings(make(ServerSettings), make(EngineSettings), make(MediaSettings), make(SessionSettings))
    except ValidationError as error:
        raise UsageError("; ".join(_mistake(dict(e), given) for e in error.errors())) from None
    except SettingsError as error:
        raise UsageError(f'{error}: lists are written as JSON, for example \'["a", "b"]\'') from None


def _mistake(error: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    where = f"--{name.replace('_', '-')}" if name in given else f"LIVEHEAD_{name.upper()}"
    return f"{where} {error['input']!r}: {error['msg']}"
