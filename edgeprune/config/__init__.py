"""Pipeline and target files: strict schemas, and errors that name the line and the nearest key."""

from edgeprune.config.budget import BudgetConfig
from edgeprune.config.calibration import CalibrationConfig
from edgeprune.config.dump import dump_pipeline
from edgeprune.config.joint import JointConfig
from edgeprune.config.load import load_boards, load_calibration, load_pipeline, load_target
from edgeprune.config.pipeline import PipelineConfig
from edgeprune.config.stages import (
    ExportConfig,
    FinetuneConfig,
    PruneConfig,
    RecoverConfig,
    SearchConfig,
)
from edgeprune.config.target import MeasureConfig, SimulatedConfig, TargetConfig
from edgeprune.config.workload import DataConfig, ModelConfig, TrainConfig, WorkloadConfig

__all__ = [
    "BudgetConfig",
    "CalibrationConfig",
    "DataConfig",
    "ExportConfig",
    "FinetuneConfig",
    "JointConfig",
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
    "load_boards",
    "load_calibration",
    "load_pipeline",
    "load_target",
]
