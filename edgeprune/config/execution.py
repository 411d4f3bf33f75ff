"""Where candidates are scored, and how many at once."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from edgeprune.config.section import Section


class ExecutionConfig(Section):
    """Where candidates are scored, and how many are under evaluation at once."""

    engine: Literal["local", "ray"] = Field(
        "local",
        description="local: in the run's own process, one at a time. ray: in workers of a Ray "
        "cluster (extra `ray`).",
    )
    address: str = Field(
        "auto",
        min_length=1,
        examples=["ray://head:10001", "head:6379"],
        description="Of the Ray cluster; `auto`: that of the variable RAY_ADDRESS, or one that is "
        "started on this machine for the run.",
    )
    accuracy_workers: int = Field(
        1,
        ge=1,
        le=10_000,
        description="Processes that score candidates; each holds the model and the data once.",
    )
    cpus_per_worker: int = Field(
        1,
        ge=1,
        le=1024,
        examples=[4],
        description="Processors that each worker gets, and threads that it computes with.",
    )
    gpus_per_worker: float = Field(
        0.0,
        ge=0,
        le=64,
        examples=[0.5],
        description="GPUs, or the share of one, that each worker gets; used where `train_on` is "
        "cuda.",
    )
    outstanding: int | None = Field(
        None,
        ge=1,
        le=10_000,
        examples=[8],
        description="Proposals under evaluation at once; null: 1 with engine local, and as many as "
        "workers and devices together with ray. More than 1 needs a target that is not this "
        "machine, or workers.",
    )

    hung_after_s: float | None = Field(
        None,
        gt=0,
        examples=[300],
        description="Seconds without an answer after which a worker is taken for hung, ended, and "
        "its work done by another, which gets twice as long; null: ten times what the slowest work "
        "so far would have taken for as many images, and at least 60 (1,800 before any is done).",
    )

    @field_validator("address")
    @classmethod
    def _an_address(cls, value: str) -> str:
        host, _, port = value.removeprefix("ray://").rpartition(":")
        if value != "auto" and not (host and port.isdigit() and 0 < int(port) < 65536):
            msg = f"{value!r} is no address; allowed: auto, host:port or ray://host:port"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _of_the_engine(self) -> Self:
        if self.engine == "ray":
            return self
        for name in (
            "accuracy_workers",
            "cpus_per_worker",
            "gpus_per_worker",
            "hung_after_s",
            "address",
        ):
            value, default = getattr(self, name), type(self).model_fields[name].default
            if value != default:
                msg = (
                    f"execution.{name} is {value}, but engine local scores in the run's own "
                    f"process; allowed: {default}, or engine: ray"
                )
                raise ValueError(msg)
        return self
