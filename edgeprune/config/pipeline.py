"""The pipeline file as a whole."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    field_validator,
    model_validator,
)

from edgeprune.config.budget import BudgetConfig
from edgeprune.config.execution import ExecutionConfig
from edgeprune.config.joint import JointConfig
from edgeprune.config.section import Section
from edgeprune.config.stages import (
    ExportConfig,
    FinetuneConfig,
    PruneConfig,
    RecoverConfig,
    SearchConfig,
)
from edgeprune.config.workload import WorkloadConfig

_Reference = Annotated[str, Field(min_length=1)]


class PipelineConfig(Section):
    """One run: what is pruned, for which target, within which budget, and how."""

    workload: WorkloadConfig = Field(description="The model and its data.")
    target: _Reference | Annotated[tuple[_Reference, ...], Field(strict=False, min_length=1)] = (
        Field(
            "local",
            examples=["raspberry-pi-4", "my-pi.yaml", ["pi-a.yaml", "pi-b.yaml"]],
            description="Name of a profile that comes with edgeprune, or path of your own YAML "
            "file; a list of them for several boards of one type.",
        )
    )
    budget: BudgetConfig = Field(description="What the finished model may cost on the target.")
    prune: PruneConfig = Field(
        default_factory=PruneConfig, description="What may be cut, and which channels go first."
    )
    search: SearchConfig = Field(
        default_factory=SearchConfig, description="How widths are searched for."
    )
    joint: JointConfig = Field(
        default_factory=JointConfig,
        description="Training and pruning together, where `workload.train.mode` is `joint`.",
    )
    recover: RecoverConfig = Field(
        default_factory=RecoverConfig, description="How a candidate is repaired before its score."
    )
    finetune: FinetuneConfig = Field(
        default_factory=FinetuneConfig, description="Training of the finished models."
    )
    export: ExportConfig = Field(
        default_factory=ExportConfig, description="What is written in the end."
    )
    train_on: Literal["cpu", "cuda"] = Field(
        "cpu",
        description="Where weights are trained. Candidates are repaired and scored on the CPU, "
        "latency is always the target's.",
    )
    history: str = Field(
        "default",
        min_length=1,
        examples=["lab.db", "none"],
        description="Where what is measured on the target is kept for later runs: `default` "
        "(EDGEPRUNE_HISTORY, or the user's data folder), a file, a database URL; `none` "
        "or `off`: nowhere.",
    )

    execution: ExecutionConfig = Field(
        default_factory=ExecutionConfig,
        description="Where candidates are scored, and how many at once: [Scaling](scaling.md).",
    )

    _notice: str = PrivateAttr("")

    @model_validator(mode="before")
    @classmethod
    def _other_samplers(cls, data: Any) -> Any:
        """The default sampler allocates channels; what does not has another default."""
        if not isinstance(data, dict):
            return data
        workload, prune, search = (_section(data, key) for key in ("workload", "prune", "search"))
        found = None
        if prune.get("granularity") == "weights":
            found = "amc"
        if _section(workload, "train").get("mode") == "joint":
            found = "random"  # what was trained is scored and measured; nothing is proposed
        if (
            found is not None
            and "sampler" not in search
            and isinstance(data.get("search", {}), dict)
        ):
            return {**data, "search": {**search, "sampler": found}}
        return data

    @model_validator(mode="wrap")
    @classmethod
    def _old_spelling(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """0.1 had joint training as a sampler."""
        search = _section(data, "search") if isinstance(data, dict) else {}
        if search.get("sampler") != "joint":
            return handler(data)
        search = {key: value for key, value in search.items() if key != "sampler"}
        workload = {**_section(data, "workload"), "train": {"mode": "joint"}}
        config = handler({**data, "search": search, "workload": workload})
        config._notice = (
            "search.sampler: joint is written `workload: {train: {mode: joint}}` now; it was taken "
            "for that"
        )
        return config

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Joint training finds the widths, towards one budget."""
        if self.jointly and self.search.sampler != "random":
            msg = (
                f"search.sampler is {self.search.sampler}, but workload.train.mode joint finds the "
                "widths itself; allowed: leave search.sampler out"
            )
            raise ValueError(msg)
        if self.jointly and self.budget.seeks:
            msg = "workload.train.mode joint trains towards a latency; allowed: budget.latency"
            raise ValueError(msg)
        if self.jointly and len(self.budget.each) > 1:
            msg = (
                f"workload.train.mode joint trains towards one budget, got {self.budget.text}; "
                f"allowed: one value, such as {self.budget.each[-1].text}"
            )
            raise ValueError(msg)
        if self.trained_before:
            usual = type(self.finetune)()
            for name in ("lr", "schedule", "warmup"):
                value = getattr(self.finetune, name)
                if value != getattr(usual, name):
                    msg = (
                        f"finetune.{name} is {value}, but the learning rate of joint training goes "
                        "on through fine-tuning; allowed: leave it out, or joint.one_curve false"
                    )
                    raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _trained_where(self) -> Self:
        """Workers train candidates, too."""
        execution = self.execution
        if execution.engine == "ray" and self.train_on == "cuda" and not execution.gpus_per_worker:
            msg = (
                "execution.gpus_per_worker is 0, but train_on is cuda and workers train; allowed: "
                "above 0, such as 0.5, or train_on: cpu"
            )
            raise ValueError(msg)
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """The profile, or those of a pool's boards."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def notice(self) -> str:
        """What to tell a person of an outdated spelling; empty where there is none."""
        return self._notice

    @property
    def jointly(self) -> bool:
        """Whether weights and widths are trained together."""
        return self.workload.train is not None and self.workload.train.mode == "joint"

    @property
    def trained_before(self) -> int:
        """Epochs of the learning rate's curve that fine-tuning goes on after."""
        one_curve = self.jointly and self.joint.one_curve and self.finetune.epochs > 0
        return self.joint.epochs if one_curve else 0

    @property
    def finder(self) -> str:
        """What finds the widths: the sampler's name, or ``joint``."""
        return "joint" if self.jointly else self.search.sampler

    @property
    def training_mode(self) -> str | None:
        """The mode that weights are trained in; None: what a short trial finds fastest."""
        return None if self.train_on == "cpu" else self.train_on

    @field_validator("history", mode="before")
    @classmethod
    def _switched_off(cls, value: Any) -> Any:
        # Half of YAML's readers take `off` for false: here it is no file of that name either.
        return "none" if value is False or str(value).lower() in {"off", "no"} else value


def _section(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A section as it was written; empty where it is none."""
    found = data.get(key)
    return found if isinstance(found, dict) else {}
