"""What a target's profile says about its runtimes."""

from typing import Any, Literal

from pydantic import Field

from edgeprune.config.reach import HostName, Program
from edgeprune.config.section import LARGEST_SEED, Section, Texts


class OnnxRuntimeConfig(Section):
    """ONNX Runtime on the device."""

    providers: Texts = Field(
        ("CPUExecutionProvider",),
        min_length=1,
        description="Execution providers, the preferred one first; one that is not used is an "
        "error, never a silent fallback.",
    )
    provider_options: dict[str, Any] = Field(
        default_factory=dict,
        examples=[{"TensorrtExecutionProvider": {"trt_engine_cache_enable": True}}],
        description="Options by provider, by ONNX Runtime's names.",
    )


class TfliteConfig(Section):
    """ai-edge-litert or tflite-runtime on the device."""

    xnnpack: bool = Field(True, description="Whether XNNPACK's kernels are used.")
    delegates: Texts = Field(
        (),
        examples=[["libedgetpu.so.1"]],
        description="Libraries of other delegates, on the device.",
    )


class TvmRpcConfig(Section):
    """A TVM tracker, which lends the device for tuning."""

    host: HostName = Field("127.0.0.1", description="Where the tracker is.")
    port: int = Field(9190, ge=1, le=65535, description="The tracker's port.")
    key: str = Field(
        min_length=1, examples=["rpi4"], description="What the device is registered as."
    )


class TvmConfig(Section):
    """TVM: compiled on this machine, run on the device."""

    target: dict[str, Any] | None = Field(
        None,
        examples=[{"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a72"}],
        description="TVM's target; null: from architecture and cpu.",
    )
    cross_compiler: Program | None = Field(
        None,
        examples=["aarch64-linux-gnu-gcc"],
        description="Links libraries for the device; null: by architecture.",
    )
    trials_per_kernel: int = Field(
        64, ge=1, description="Schedules that are tried for each kernel."
    )
    strategy: Literal["evolutionary", "replay-trace"] = Field(
        "evolutionary", description="How schedules are searched for."
    )
    cost_model: Literal["xgb", "random"] = Field(
        "xgb", description="What chooses among schedules before they are measured."
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of the tuning.")
    allow_untuned: bool = Field(
        False,
        description="Accept kernels without a tuned schedule; they are 50 to 100 times slower "
        "and say nothing about a model.",
    )
    rpc: TvmRpcConfig | None = Field(None, description="Tune through a tracker; null: here.")
