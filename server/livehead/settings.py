"""Every setting, one frozen class per stage. The command line wins over ``LIVEHEAD_<NAME>`` in the environment, and
that wins over the defaults here. A test compares docs/configuration.md with this file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from livehead.errors import UsageError
from livehead.origins import (
    read_frame_source,
    read_http_url,
    read_listed_host,
    read_listed_origin,
    read_public_address,
)

LatencyName: TypeAlias = Literal["low", "balanced", "throughput"]
LatencyChoice: TypeAlias = Literal["auto", "low", "balanced", "throughput"]
AttentionName: TypeAlias = Literal["auto", "fa3", "fa2", "fa4", "cudnn", "sdpa"]
PrecisionName: TypeAlias = Literal["exact", "int8", "fp8"]
PeerAddresses: TypeAlias = Literal["auto", "public", "private", "any"]
OpenRoute: TypeAlias = Literal["info", "docs", "metrics"]
EngineName: TypeAlias = Literal["auto", "preview", "flashhead"]


_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


class _Stage(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LIVEHEAD_",
        env_ignore_empty=True,  # a compose file passes VAR="" for what is not set
        frozen=True,
        extra="ignore",
    )


class ServerSettings(_Stage):
    """HTTP."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one.")
    tls_cert: Path | None = Field(
        None, description="PEM certificate chain; with tls_key, serves HTTPS instead of HTTP."
    )
    tls_key: Path | None = Field(None, description="PEM private key of tls_cert, not encrypted.")
    insecure: bool = Field(
        False, description="Listen beyond this machine without keys: everybody who reaches the server may use it."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Host names of this server, as a JSON list; *.example.com allows all below, * any. Without keys, "
        "requests to names other than these, localhost, its address and, with insecure, the machine's own name are "
        "refused (DNS rebinding).",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses or networks of reverse proxies whose X-Forwarded-For is believed, as a JSON list."
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins of other sites whose pages may call the API, as a JSON list; * allows any."
    )
    frame_ancestors: tuple[str, ...] = Field(
        ("'self'",), description="Who may show the page in a frame (Content-Security-Policy), as a JSON list."
    )
    data_dir: Path = Field(
        Path("data"),
        description="Folder of the server's files: portraits, films, renders, and the API keys, unless keys names "
        "another file.",
    )
    vendor_dir: Path = Field(
        Path("vendor"), description="Folder of files of other projects, fetched by livehead vendor fetch."
    )
    replica: str | None = Field(
        None,
        pattern=r"^[a-z0-9]{1,16}$",
        description="Name of this server in a fleet, 1 to 16 of a-z and 0-9: the names of its sessions begin with it.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="How the log of livehead serve is written: text, or json, one object a line."
    )
    drain_seconds: float = Field(
        5.0, ge=0, description="How long live sessions may continue after SIGTERM, in seconds."
    )

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(read_listed_host(each) for each in given)

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(read_listed_origin(each) for each in given)

    @field_validator("frame_ancestors")
    @classmethod
    def _are_frame_sources(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if "'none'" in given and len(given) > 1:
            raise ValueError("'none' stands alone")
        return tuple(read_frame_source(each) for each in given)

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
    models: Path | None = Field(
        None,
        description="Folder of the weights. Unset: the first that holds any of models in the working directory, "
        "SoulX-FlashHead/models in vendor_dir, and /models.",
    )
    vendor_dir: Path = Field(
        Path("vendor"), description="Folder of what comes from other projects, fetched by livehead vendor fetch."
    )
    device: str = Field("cuda:0", description="PyTorch device of the flashhead engine.")
    attention: AttentionName = Field(
        "auto", description="Attention kernel of the flashhead engine: auto, fa3, fa2, fa4, cudnn or sdpa."
    )
    precision: PrecisionName = Field(
        "exact",
        description="Precision of the flashhead transformer's matrix products: exact, or faster: int8, two per cent "
        "off, or fp8, seven per cent off.",
    )
    size: int = Field(
        512,
        ge=64,
        le=1024,
        multiple_of=32,
        description="Width and height of the frames, in pixels. Unless it is given, the flashhead engine takes 384 or "
        "256 on a GPU that is too slow or has too little memory for 512.",
    )
    memory: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="GPU memory that a worker of the flashhead engine may take, in GB; by default what it takes at "
        "best. One in reserve takes as much again.",
    )
    heartbeat_seconds: float = Field(
        5.0, gt=0, description="How long the worker may be silent before it is restarted, in seconds."
    )
    standby: bool | None = Field(
        None,
        description="Keep a second worker in reserve, loaded, to take over at once when the first is lost; unset: "
        "where there is room.",
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
        repr=False,
        description="Secret shared with the TURN server (coturn's static-auth-secret), to issue short-lived "
        "credentials.",
    )
    turn_ttl: int = Field(600, ge=60, le=600, description="Lifetime of a TURN credential, in seconds.")
    peer_addresses: PeerAddresses = Field(
        "auto",
        description="Which of a client's ICE candidates are tried: public addresses; private: those of private "
        "networks too; any: this machine's own too; auto: what the address of the client's request belongs to.",
    )
    udp_ports: str | None = Field(
        None,
        description="UDP ports of audio and video, first and last, as 50000-50099: one for each client, be it a caller "
        "or a viewer; without it, ports that the system chooses.",
    )
    public_address: str | None = Field(
        None,
        description="Address or host name by which clients reach this machine's UDP ports where NAT hides its own, as "
        "in most clouds; several with commas between.",
    )
    silence_timeout: float = Field(
        10.0, gt=0, description="How long a client may send no media before its session ends, in seconds."
    )

    @field_validator("udp_ports")
    @classmethod
    def _are_ports(cls, given: str | None) -> str | None:
        if not given:
            return None
        found = _PORTS.fullmatch(given)
        if found is None:
            raise ValueError("write the first and the last port, as 50000-50099")
        first, last = int(found[1]), int(found[2])
        if first > last:
            raise ValueError(f"the first port comes first: {last}-{first}")
        if first < 1024 or last > 65535:
            raise ValueError("choose ports from 1024 to 65535; browsers send no media to those below")
        return f"{first}-{last}"

    @field_validator("public_address")
    @classmethod
    def _is_public_address(cls, given: str | None) -> str | None:
        return ",".join(read_public_address(each.strip()) for each in given.split(",")) if given else None

    @property
    def ports(self) -> range | None:
        """``udp_ports`` as numbers."""
        if self.udp_ports is None:
            return None
        first, last = map(int, self.udp_ports.split("-"))
        return range(first, last + 1)


class SessionSettings(_Stage):
    """Admission and the defaults of a session."""

    max_sessions: int | None = Field(
        None,
        ge=1,
        description="Maximum number of sessions; more are answered with 503. Never more than the engine's measured "
        "capacity, which is also the default.",
    )
    latency: LatencyChoice = Field(
        "auto",
        description="Latency preset of sessions that do not choose one; auto: the server gives each the lowest delay "
        "that its load allows.",
    )
    max_viewers: int = Field(
        8, ge=1, le=64, description="Maximum number of viewers of one session, its caller included."
    )


class SynthesisSettings(_Stage):
    """Text to speech, for what a session is asked to say."""

    tts: str = Field(
        "none",
        description="Speech synthesis: none, espeak (the command espeak-ng), or the URL of an OpenAI-compatible "
        "/v1/audio/speech, whole or up to the host.",
    )
    tts_api_key: str | None = Field(None, repr=False, description="API key that is sent to the URL of tts.")
    tts_model: str = Field("tts-1", min_length=1, description="Model that the URL of tts is asked for.")
    tts_voice: str | None = Field(
        None,
        description="Voice for texts that name none: one of the service, by default alloy, or a language of espeak.",
    )
    tts_rate: int = Field(
        24_000, ge=8_000, le=48_000, description="Sample rate of the PCM that the URL of tts sends, in Hz."
    )
    tts_seconds: float = Field(
        10.0,
        gt=0,
        description="How long the synthesis may take to its first audio, and from each to the next, in seconds.",
    )

    @field_validator("tts")
    @classmethod
    def _is_synthesis(cls, given: str) -> str:
        if given in ("none", "espeak"):
            return given
        try:
            return read_http_url(given)
        except ValueError as error:
            raise ValueError(f"write none, espeak or an address: {error}") from None


class StoreSettings(_Stage):
    """Portraits, films and renders that are kept in data_dir, or in a bucket."""

    bucket: str | None = Field(
        None,
        description="Bucket of S3 that portraits, films and renders are kept in instead of data_dir, as "
        "s3://name/prefix; data_dir holds what is not finished.",
    )
    bucket_endpoint: str | None = Field(
        None, description="Address of a server that speaks S3, where the bucket is not Amazon's."
    )
    bucket_region: str | None = Field(
        None, description="Region of the bucket; by default AWS_REGION or AWS_DEFAULT_REGION."
    )
    portrait: str | None = Field(
        None, description="Image file of the portrait that sessions show by default, or the id of a built-in one."
    )
    max_portraits: int = Field(100, ge=0, description="Portraits of one owner that are kept; 0 takes no uploads.")
    uploads_per_minute: float = Field(20.0, gt=0, description="Uploads of one key and of one address.")
    max_film_seconds: float = Field(
        3600.0,
        gt=0,
        description="Longest film or replay file of a session, in seconds; the session goes on without.",
    )
    max_films: int = Field(100, ge=1, description="Films and replay files of one owner that are kept.")
    min_free_mb: int = Field(
        512, ge=0, description="Room on the disk that is left alone: with less, nothing new is kept, in MB."
    )
    max_renders: int = Field(20, ge=0, description="Renders of one owner that wait or run; 0 takes none.")
    max_render_seconds: float = Field(600.0, gt=0, description="Longest audio of a render, in seconds.")
    render_hours: float = Field(24.0, gt=0, description="How long a finished render is kept, in hours.")
    visible_mark: Literal["off", "files", "live"] = Field(
        "off",
        description="A small mark on the picture that says that it is synthetic: in films and renders, or in live "
        "sessions too.",
    )
    live_mark: bool = Field(
        False,
        description="Every keyframe of a live session in H264 says, to programs, that the picture is synthetic.",
    )

    @field_validator("bucket")
    @classmethod
    def _is_bucket(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,62}(/[^?#\s]*)?", given):
            raise ValueError("write s3://name or s3://name/prefix")
        return given

    @field_validator("bucket_endpoint")
    @classmethod
    def _is_endpoint(cls, given: str | None) -> str | None:
        return None if given is None else read_http_url(given)


class AccessSettings(_Stage):
    """Keys and tokens."""

    keys: Path | None = Field(
        None,
        description="File of API keys, written by livehead keys; without it the file keys in data_dir, if it exists.",
    )
    api_keys: tuple[str, ...] = Field(
        (), description="More API keys, as a JSON list of lines of such a file: NAME:HASH.", repr=False
    )
    token_secret: str | None = Field(
        None,
        min_length=32,
        repr=False,
        description="Secret that tokens are signed with, of at least 32 characters; without it a random one, and "
        "tokens end with the server.",
    )
    token_seconds: int = Field(3600, ge=10, le=86400, description="Lifetime of a token, in seconds.")
    open_routes: tuple[OpenRoute, ...] = Field(
        (), description="Routes that need no key although there are keys, as a JSON list of info, docs, metrics."
    )


class LimitSettings(_Stage):
    """What one client may take. A rate may be passed for a moment: bursts of four seconds' worth, and of
    five, are let through."""

    max_sessions_per_key: int | None = Field(None, ge=1, description="Sessions of one API key at once.")
    max_sessions_per_address: int = Field(32, ge=1, description="Sessions of one client address at once.")
    max_pending_per_address: int = Field(
        8, ge=1, description="Sessions of one client address at once that have not connected yet."
    )
    offers_per_second: float = Field(5.0, gt=0, description="Offers of one key and of one address, and its WebSockets.")
    tokens_per_second: float = Field(10.0, gt=0, description="Tokens that one key may make.")
    failures_per_minute: float = Field(
        30.0, gt=0, description="Wrong credentials from one client address; past that, none of its own are checked."
    )
    messages_per_second: float = Field(50.0, gt=0, description="Text messages on one socket; past that it is closed.")
    packets_per_second: float = Field(
        500.0, gt=0, description="Packets from one client's media; more are dropped, and a flood ends the session."
    )
    max_connections: int = Field(
        1024, ge=8, description="TCP connections at once; past that the longest idle is closed."
    )
    max_connections_per_address: int = Field(128, ge=1, description="The same for one client address.")
    request_seconds: float = Field(
        10.0, gt=0, description="How long a request's head, and then its body, may take to arrive, in seconds."
    )
    setup_seconds: float = Field(
        10.0, gt=0, description="How long a session may take to connect, and half of it without a sign, in seconds."
    )
    idle_seconds: float = Field(
        3600.0, ge=0, description="How long a session may be without speech, in seconds; 0 is for ever."
    )
    session_seconds: float = Field(86400.0, ge=0, description="How long a session may last, in seconds; 0 is for ever.")
    say_characters: int = Field(
        5000, ge=1, le=60_000, description="Characters of a text that a session is asked to say."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings together."""

    server: ServerSettings = field(default_factory=ServerSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    synthesis: SynthesisSettings = field(default_factory=SynthesisSettings)
    store: StoreSettings = field(default_factory=StoreSettings)


_AnyStage = TypeVar("_AnyStage", bound=_Stage)


def stages() -> tuple[type[BaseSettings], ...]:
    """Every stage's class."""
    return (
        ServerSettings,
        EngineSettings,
        MediaSettings,
        SessionSettings,
        AccessSettings,
        LimitSettings,
        SynthesisSettings,
        StoreSettings,
    )


def load(given: Mapping[str, Any]) -> Settings:
    """The settings, with those ``given`` by name in place of the environment's.

    Raises :class:`~livehead.errors.UsageError` in one line that names the setting.
    """

    def make(stage: type[_AnyStage]) -> _AnyStage:
        return stage(**{name: value for name, value in given.items() if name in stage.model_fields})

    try:
        return Settings(
            make(ServerSettings),
            make(EngineSettings),
            make(MediaSettings),
            make(SessionSettings),
            make(AccessSettings),
            make(LimitSettings),
            make(SynthesisSettings),
            make(StoreSettings),
        )
    except ValidationError as error:
        raise UsageError("; ".join(_mistake(dict(e), given) for e in error.errors())) from None
    except (SettingsError, RecursionError) as error:  # the latter for [[[[…
        raise UsageError(f'{error}: lists are written as JSON, for example \'["a", "b"]\'') from None


def _mistake(error: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    name = str(error["loc"][0])
    where = f"--{name.replace('_', '-')}" if name in given else f"LIVEHEAD_{name.upper()}"
    secret = any(name in stage.model_fields and not stage.model_fields[name].repr for stage in stages())
    value = "" if secret else f" {error['input']!r}"
    return f"{where}{value}: {str(error['msg']).removeprefix('Value error, ')}"
