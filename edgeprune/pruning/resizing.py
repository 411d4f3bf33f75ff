"""Modules remember sizes besides their weights; after a cut these must be set right."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd


def resize(module: nn.Module) -> None:
    """Set a module's size attributes to what its weights say.

    Args:
        module: with cut weights; modules without such attributes are left as they are.
    """
    if isinstance(module, _ConvNd):
        _resize_convolution(module)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _NormBase):
        kept = module.weight if module.weight is not None else module.running_mean
        if kept is not None:
            module.num_features = len(kept)
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = len(module.weight)
    elif isinstance(vars(module).get("normalized_shape"), tuple):  # LayerNorm, RMSNorm
        weight = module.weight
        if isinstance(weight, torch.Tensor):
            vars(module)["normalized_shape"] = tuple(weight.shape)
    elif isinstance(module, nn.RNNBase):
        entry, hidden = module.weight_ih_l0, module.weight_hh_l0
        if isinstance(entry, torch.Tensor) and isinstance(hidden, torch.Tensor):
            module.input_size, module.hidden_size = entry.shape[1], hidden.shape[1]
    elif isinstance(module, nn.PReLU):
        module.num_parameters = module.weight.numel()


def _resize_convolution(module: _ConvNd) -> None:
    # The weights' first axis counts outputs over all conv groups, the second inputs of one conv
    # group; transposed, it is the other way round. A convolution with one output is not depthwise
    # because of that: only `groups` says so.
    total, per_group = module.weight.shape[:2]
    if module.groups > 1:
        before = module.in_channels if module.transposed else module.out_channels
        module.groups = total // (before // module.groups)
    if module.transposed:
        module.in_channels, module.out_channels = total, per_group * module.groups
    else:
        module.out_channels, module.in_channels = total, per_group * module.groups
