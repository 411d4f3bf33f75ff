"""Tasks: what a network is for, what it learns from and what it is judged by."""

from edgeprune.tasks.classification import Classification
from edgeprune.tasks.detection import Detection
from edgeprune.tasks.protocol import Meter, Metric, Targets, Task
from edgeprune.tasks.registry import make_task, tasks
from edgeprune.tasks.regression import Regression
from edgeprune.tasks.segmentation import Segmentation

__all__ = [
    "Classification",
    "Detection",
    "Meter",
    "Metric",
    "Regression",
    "Segmentation",
    "Targets",
    "Task",
    "make_task",
    "tasks",
]
