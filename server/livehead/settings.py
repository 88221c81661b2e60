"""Every setting, one frozen class per stage. The command line wins over ``LIVEHEAD_<NAME>`` in the environment, and
that wins over the defaults here. A test compares docs/configuration.md with this file."""

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
PrecisionName: TypeAlias = Literal["exact", "fp8"]
EngineName: TypeAlias = Literal["auto", "preview", "flashhead"]


class _Stage(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LIVEHEAD_", frozen=True, extra="ignore")


class ServerSettings(_Stage):
    """HTTP."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one.")
    tls_cert: Path | None = Field(
        None, description="PEM certificate chain; with tls_key, serves HTTPS instead of HTTP."
    )
    tls_key: Path | None = Field(None, description="PEM private key of tls_cert, not encrypted.")
    cors_origins: tuple[str, ...] = Field(
        ("*",), description="Origins whose pages may call the API, as a JSON list; * allows any."
    )
    data_dir: Path = Field(
        Path("data"), description="Folder for uploaded portraits, which this version does not accept yet."
    )
    drain_seconds: float = Field(
        5.0, ge=0, description="How long live sessions may continue after SIGTERM, in seconds."
    )

    @model_validator(mode="after")
    def _tls_is_a_pair(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("give both tls_cert and tls_key, or neither")
        return self


class EngineSettings(_Stage):
    """The generator and its worker process."""

    engine: EngineName = Field(
        "auto", description="Generator; auto is flashhead if CUDA and the weights are available, otherwise preview."
    )
    variant: Literal["lite", "pro"] = Field("lite", description="FlashHead variant.")
    models: Path = Field(Path("models"), description="Folder that holds the downloaded weights.")
    device: str = Field("cuda:0", description="PyTorch device of the flashhead engine.")
    attention: AttentionName = Field(
        "auto", description="Attention kernel of the flashhead engine: auto, fa3, fa2, fa4, cudnn or sdpa."
    )
    precision: PrecisionName = Field(
        "exact",
        description="Precision of the flashhead transformer's matrix products: exact, or fp8, which is faster and a "
        "few per cent off.",
    )
    size: int = Field(512, ge=64, le=1024, multiple_of=32, description="Width and height of the frames, in pixels.")
    heartbeat_seconds: float = Field(
        5.0, gt=0, description="How long the worker may be silent before it is restarted, in seconds."
    )


class MediaSettings(_Stage):
    """WebRTC."""

    stun_urls: tuple[str, ...] = Field(
        (), description="STUN servers for the clients, as a JSON list of stun:host:port."
    )
    turn_urls: tuple[str, ...] = Field(
        (), description="TURN servers for the clients, as a JSON list of turn:host:port?transport=udp."
    )
    turn_secret: str | None = Field(
        None,
        description="Secret shared with the TURN server (coturn's static-auth-secret), to issue short-lived "
        "credentials.",
    )
    turn_ttl: int = Field(600, ge=60, le=600, description="Lifetime of a TURN credential, in seconds.")
    silence_timeout: float = Field(
        10.0, gt=0, description="How long a client may send no media before its session ends, in seconds."
    )


class SessionSettings(_Stage):
    """Admission and the defaults of a session."""

    max_sessions: int | None = Field(
        None,
        ge=1,
        description="Maximum number of sessions; more are answered with 503. Never more than the engine's measured "
        "capacity, which is also the default.",
    )
    latency: LatencyName = Field("low", description="Latency preset of sessions that do not choose one.")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings together."""

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
