"""Models: CIFAR ResNets, MobileNet V1, torchvision's classifiers, and a user's own."""

from edgeprune.workloads.models.registry import MODELS, build_model

__all__ = ["MODELS", "build_model"]
