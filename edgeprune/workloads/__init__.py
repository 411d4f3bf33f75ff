"""Workloads: models, datasets and honest splits."""

from edgeprune.config import ModelConfig
from edgeprune.workloads.array_split import ArraySplit
from edgeprune.workloads.augmentation import Augmentation
from edgeprune.workloads.datasets import Dataset
from edgeprune.workloads.file_split import FileSplit
from edgeprune.workloads.models import build_model
from edgeprune.workloads.normalisation import Normalisation
from edgeprune.workloads.split import Split, Splits
from edgeprune.workloads.torch_split import TorchSplit
from edgeprune.workloads.workload import Workload, given_workload, load_workload

__all__ = [
    "ArraySplit",
    "Augmentation",
    "Dataset",
    "FileSplit",
    "ModelConfig",
    "Normalisation",
    "Split",
    "Splits",
    "TorchSplit",
    "Workload",
    "build_model",
    "given_workload",
    "load_workload",
]
