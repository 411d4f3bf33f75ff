"""Datasets: digits, CIFAR-10, image folders, and whatever a user's function gives."""

from edgeprune.workloads.datasets.dataset import Dataset
from edgeprune.workloads.datasets.registry import open_dataset

__all__ = ["Dataset", "open_dataset"]
