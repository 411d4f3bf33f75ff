"""Config: the schema of pipeline files and target profiles, and reading them."""

from edgeprune.config.load import dump_pipeline, load_pipeline, load_target
from edgeprune.config.schema import (
    BudgetConfig,
    DataConfig,
    ExportConfig,
    FinetuneConfig,
    MeasureConfig,
    ModelConfig,
    PipelineConfig,
    PruneConfig,
    RecoverConfig,
    SearchConfig,
    SimulatedConfig,
    TargetConfig,
    TrainConfig,
    WorkloadConfig,
)

__all__ = [
    "BudgetConfig",
    "DataConfig",
    "ExportConfig",
    "FinetuneConfig",
    "MeasureConfig",
    "ModelConfig",
    "PipelineConfig",
    "PruneConfig",
    "RecoverConfig",
    "SearchConfig",
    "SimulatedConfig",
    "TargetConfig",
    "TrainConfig",
    "WorkloadConfig",
    "dump_pipeline",
    "load_pipeline",
    "load_target",
]
