"""Models: CIFAR ResNets, MobileNet V1, torchvision's classifiers, and a user's own."""

from edgeprune.workloads.models.registry import build_model, models

__all__ = ["build_model", "models"]
