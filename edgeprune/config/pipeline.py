"""The pipeline file as a whole."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from edgeprune.config.budget import BudgetConfig
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


class PipelineConfig(Section):
    """One run: what is pruned, for which target, within which budget, and how."""

    workload: WorkloadConfig = Field(description="The model and its data.")
    target: str = Field(
        "local",
        min_length=1,
        examples=["raspberry-pi-4", "my-pi.yaml"],
        description="Name of a profile that comes with edgeprune, or path of your own YAML file.",
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
        description="Training and pruning together, where the sampler is `joint`.",
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

    @model_validator(mode="before")
    @classmethod
    def _sampler_of_weights(cls, data: Any) -> Any:
        """The default sampler allocates channels; single weights have another default."""
        if not isinstance(data, dict):
            return data
        prune, search = (data.get(key) or {} for key in ("prune", "search"))
        weights = isinstance(prune, dict) and prune.get("granularity") == "weights"
        if weights and isinstance(search, dict) and "sampler" not in search:
            return {**data, "search": {**search, "sampler": "amc"}}
        return data

    @property
    def training_mode(self) -> str | None:
        """The mode that weights are trained in; None: what a short trial finds fastest."""
        return None if self.train_on == "cpu" else self.train_on

    @field_validator("history", mode="before")
    @classmethod
    def _switched_off(cls, value: Any) -> Any:
        # Half of YAML's readers take `off` for false: here it is no file of that name either.
        return "none" if value is False or str(value).lower() in {"off", "no"} else value
