"""The target profile: device, runtime, precision and threads."""

from typing import Literal, Self

from pydantic import Field, model_validator

from edgeprune.config.multiples import ChannelMultiples
from edgeprune.config.section import LARGEST_SEED, Section


class MeasureConfig(Section):
    """How a latency is measured."""

    warmup: int = Field(20, ge=0, description="Inferences before the first one that counts.")
    runs: int = Field(100, ge=1, description="Inferences that count, of each of the two models.")
    timeout_s: float = Field(
        120.0, gt=0, description="Seconds after which a device that does not answer is given up."
    )


class SimulatedConfig(Section):
    """Cost model of the simulated device; latency is the sum over layers."""

    ns_per_mac: float = Field(0.05, ge=0, description="Nanoseconds per multiply-accumulate.")
    ns_per_element: float = Field(0.5, ge=0, description="Nanoseconds per element read or written.")
    ns_per_layer: float = Field(2000.0, ge=0, description="Nanoseconds that every layer costs.")
    staircase: int = Field(
        8, ge=1, description="Channels count as the next multiple of this, as on real kernels."
    )
    noise: float = Field(
        0.01, ge=0, lt=1, description="Relative standard deviation of a latency sample."
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of the noise.")


class TargetConfig(Section):
    """A device with its runtime."""

    name: str = Field(min_length=1, description="What reports call it.")
    kind: Literal["local", "simulated"] = Field(
        description="local: this machine; simulated: a cost model, for tests."
    )
    runtime: Literal["onnxruntime"] = Field(
        "onnxruntime", description="What executes the model on the device."
    )
    threads: int = Field(1, ge=1, description="Threads the runtime may use.")
    precision: Literal["float32"] = Field("float32", description="Number format of the model.")
    channel_multiple: ChannelMultiples = Field(
        default_factory=ChannelMultiples,
        description="Widths are multiples of this number, or of one number for each kind of "
        "layer, where the pipeline says nothing.",
    )
    measure: MeasureConfig = Field(
        default_factory=MeasureConfig, description="How a latency is measured."
    )
    simulated: SimulatedConfig | None = Field(
        None, description="Cost model; needed where kind is simulated, and only there."
    )

    @model_validator(mode="after")
    def _cost_model_where_simulated(self) -> Self:
        if self.kind == "simulated" and self.simulated is None:
            keys = ", ".join(SimulatedConfig.model_fields)
            msg = f"kind is simulated, so a section 'simulated' is needed; allowed in it: {keys}"
            raise ValueError(msg)
        if self.kind != "simulated" and self.simulated is not None:
            msg = f"kind is {self.kind}, so the section 'simulated' would never be used; remove it"
            raise ValueError(msg)
        return self
