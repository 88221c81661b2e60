"""What a fleet on Ray is to be: the arguments of the command, and ``args`` in a Serve config."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from livehead.errors import UsageError
from livehead.settings import Settings, load

DRAIN_S = 7 * 86_400.0
"""How long Ray waits for a replica that drains. Longer than the longest session: a drain ends no call early."""


class FleetPlan(BaseModel):
    """``replicas`` is a number, or a range as ``2-8`` within which the fleet follows its load. ``settings`` are those
    of every server, by name, as text; what is not there comes from the environment of the node that it runs on.

    ``gpus_per_replica`` may be a share of a card; None is 1 where the command finds cards, and 0 in a Serve config.
    ``warm_room`` is how many sessions must always fit beside those that there are, on replicas that have started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: str = Field("1", pattern=r"^[1-9]\d{0,2}(-[1-9]\d{0,2})?$")
    gpus_per_replica: float | None = Field(None, ge=0, le=16)
    cpus_per_replica: float = Field(1.0, ge=0, le=256)
    ingresses: int = Field(1, ge=1, le=64)
    warm_room: int = Field(1, ge=0, le=1000)
    surge: bool = True
    upscale_seconds: float = Field(5.0, ge=0)
    downscale_seconds: float = Field(600.0, ge=0)
    ready_seconds: float = Field(600.0, gt=0)
    settings: dict[str, str] = Field(default_factory=dict, repr=False)

    @field_validator("replicas", mode="before")
    @classmethod
    def _is_text(cls, given: object) -> object:
        return str(given) if isinstance(given, int) else given

    @field_validator("settings", mode="before")
    @classmethod
    def _are_texts(cls, given: object) -> object:
        return {name: _text(value) for name, value in given.items()} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _rises(self) -> FleetPlan:
        if self.least > self.most:
            raise ValueError(f"replicas {self.replicas}: the first number is the smaller one")
        return self

    @property
    def least(self) -> int:
        return int(self.replicas.partition("-")[0])

    @property
    def most(self) -> int:
        return int(self.replicas.rpartition("-")[2])


def read_plan(**given: object) -> FleetPlan:
    """Raises UsageError in one line."""
    try:
        return FleetPlan.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = "--" + "-".join(str(each) for each in first["loc"]).replace("_", "-") if first["loc"] else "--replicas"
        raise UsageError(f"{where}: {str(first['msg']).removeprefix('Value error, ')}") from None


def adopt(plan: FleetPlan) -> Settings:
    """The settings of the servers on this machine: the plan's, which become this process's environment, and else those
    of the environment. Reads files."""
    os.environ.update({f"LIVEHEAD_{name.upper()}": value for name, value in plan.settings.items()})
    return load({})


def _text(value: object) -> str:
    """As an environment variable has it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
