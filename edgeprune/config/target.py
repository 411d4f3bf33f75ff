"""The target profile: device, runtime, precision and threads."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from edgeprune.config.multiples import ChannelMultiples
from edgeprune.config.names import Runtime
from edgeprune.config.patience import PatienceConfig
from edgeprune.config.reach import BoardConfig, CommandConfig, SshConfig
from edgeprune.config.runtimes import OnnxRuntimeConfig, TfliteConfig, TvmConfig
from edgeprune.config.section import LARGEST_SEED, Section

#: What a host may have and a file's name may not.
_IN_A_NAME = str.maketrans(":%", "--")

Architecture = Literal["x86_64", "aarch64", "armv7l"]
Kind = Literal["local", "command", "ssh", "board", "simulated"]


def _file_name(name: str) -> str:
    """A build's folder has the target's name: it is one name, and leads nowhere else."""
    if name[:1] in {".", "-", " "} or set(name) & set("/\\:") or not name.isprintable():
        msg = (
            "must be a name that a folder can have: without / \\ : or line ends, not starting with "
            "a dot, a dash or a space"
        )
        raise ValueError(msg)
    return name


class MeasureConfig(Section):
    """How a latency is measured."""

    warmup: int = Field(20, ge=0, description="Inferences before the first one that counts.")
    runs: int = Field(100, ge=1, description="Inferences that count, of each of the two models.")
    timeout_s: float = Field(
        120.0, gt=0, description="Seconds after which a device that does not answer is given up."
    )
    limit_s: float = Field(
        3600.0,
        gt=0,
        description="Seconds that comparing two models may take in all, whatever is answered. Slow "
        "models get fewer `runs`, to end in half of it.",
    )
    probe_s: float = Field(
        60.0,
        ge=0,
        description="Seconds that may go into profiling the kernels of a new model; 0: none.",
    )
    tolerance: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="Measuring ends before `runs` when the ratio's interval reaches no further.",
    )


class EnvironmentConfig(Section):
    """What the device should be like; `edgeprune target check` compares and tells the mend."""

    governor: str | None = Field(
        None, examples=["performance"], description="Frequency governor, such as performance."
    )
    max_temperature_c: float | None = Field(
        None, examples=[80], description="Degrees Celsius above which a measurement is refused."
    )
    max_load: float | None = Field(
        None, ge=0, examples=[0.5], description="One-minute load above which `target check` warns."
    )
    affinity: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False)] = Field(
        (), examples=[[4, 5]], description="Cores the worker is bound to; none: all."
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
    boards: int = Field(
        1, ge=1, le=1000, description="Boards of this type: a pool, see docs/devices.md."
    )
    spread: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Relative standard deviation of the boards' speeds; of a baseline measured on "
        "the same board nothing is left of it.",
    )
    takes_s: float = Field(
        0.0, ge=0, description="Seconds that a comparison really takes, for trying a pool."
    )
    board: int = Field(0, ge=0, description="Which of its boards this is.")


class TargetConfig(Section):
    """A device with its runtime."""

    name: Annotated[str, AfterValidator(_file_name)] = Field(
        min_length=1, max_length=100, examples=["my-pi"], description="What reports call it."
    )
    extends: str | None = Field(
        None,
        examples=["raspberry-pi-4"],
        description="Another profile, by name or path; what stands here wins over it.",
    )
    kind: Kind = Field(
        examples=["ssh"],
        description="local: this machine; ssh: a board on the network; command: a Python that a "
        "command starts; board: made on this machine; simulated: a cost model, for tests.",
    )
    architecture: Architecture | None = Field(
        None,
        examples=["aarch64"],
        description="What the device's processor is; checked when it is reached.",
    )
    cpu: str | None = Field(
        None, examples=["cortex-a72"], description="Processor as compilers name it: cortex-a72."
    )
    glibc: str | None = Field(
        None,
        examples=["2.36"],
        pattern=r"^[0-9]+\.[0-9]+$",
        description="The device's C library, in quotes: '2.36'; what is built may need no newer "
        "one. `ldd --version` tells.",
    )
    ssh: SshConfig | None = Field(None, description="Needed where kind is ssh, and only there.")
    command: CommandConfig | None = Field(
        None, description="Needed where kind is command, and only there."
    )
    board: BoardConfig | None = Field(
        None, description="Needed where kind is board, and only there."
    )
    simulated: SimulatedConfig | None = Field(
        None, description="Cost model; needed where kind is simulated, and only there."
    )
    runtime: Runtime = Field(
        "onnxruntime",
        examples=["tvm"],
        description="What executes the model on the device; an installed package may bring others.",
    )
    runtime_options: dict[str, Any] = Field(
        default_factory=dict,
        examples=[{"delegate": "npu"}],
        description="Settings of a runtime that another package brings, by its own names.",
    )
    onnxruntime: OnnxRuntimeConfig = Field(
        default_factory=OnnxRuntimeConfig, description="Settings of ONNX Runtime."
    )
    tflite: TfliteConfig = Field(
        default_factory=TfliteConfig, description="Settings of TensorFlow Lite."
    )
    tvm: TvmConfig = Field(default_factory=TvmConfig, description="Settings of TVM.")
    threads: int = Field(1, ge=1, description="Threads the runtime may use.")
    precision: Literal["float32", "int8"] = Field(
        "float32", description="Number format of what is measured; a search sets its own."
    )
    channel_multiple: ChannelMultiples = Field(
        default_factory=ChannelMultiples,
        examples=[8, {"conv": 4, "depthwise": 16}],
        description="Widths are multiples of this number, or of one number for each kind of "
        "layer, where the pipeline says nothing.",
    )
    measure: MeasureConfig = Field(
        default_factory=MeasureConfig, description="How a latency is measured."
    )
    patience: PatienceConfig = Field(
        default_factory=PatienceConfig, description="What a run does about a device that fails."
    )
    environment: EnvironmentConfig = Field(
        default_factory=EnvironmentConfig, description="What the device should be like."
    )

    @property
    def remote(self) -> bool:
        """Whether its work takes nothing from this machine's processor, or does not show there.

        A virtual board counts instructions: what else this machine does changes no latency. A
        simulated one that takes time stands for a board elsewhere.
        """
        waits = self.simulated is not None and self.simulated.takes_s > 0
        return self.kind == "ssh" or self.virtual or waits

    @property
    def virtual(self) -> bool:
        """Whether it is a virtual board."""
        return self.board is not None and self.board.machine == "virtual"

    @property
    def boards(self) -> "tuple[TargetConfig, ...]":
        """A profile for each board of this type: itself alone, or those of a pool."""
        if self.ssh is not None and self.ssh.hosts:
            each: list[tuple[str, dict[str, Any]]] = [
                (host, {"ssh": self.ssh.on(host)}) for host in self.ssh.hosts
            ]
        elif self.simulated is not None and self.simulated.boards > 1:
            model = self.simulated
            each = [
                (str(place), {"simulated": model.model_copy(update={"boards": 1, "board": place})})
                for place in range(model.boards)
            ]
        else:
            return (self,)
        return tuple(
            self.model_copy(update={"name": f"{self.name}-{which.translate(_IN_A_NAME)}", **one})
            for which, one in each
        )

    @model_validator(mode="after")
    def _section_of_its_kind(self) -> Self:
        for kind in ("ssh", "command", "board", "simulated"):
            section = getattr(self, kind)
            if self.kind == kind and section is None:
                keys = ", ".join(_SECTIONS[kind].model_fields)
                msg = f"kind is {kind}, so a section '{kind}' is needed; allowed in it: {keys}"
                raise ValueError(msg)
            if self.kind != kind and section is not None:
                msg = (
                    f"kind is {self.kind}, so the section '{kind}' would never be used; remove "
                    "it, or write null to drop an inherited one"
                )
                raise ValueError(msg)
        return self


_SECTIONS: dict[str, type[Section]] = {
    "ssh": SshConfig,
    "command": CommandConfig,
    "board": BoardConfig,
    "simulated": SimulatedConfig,
}
