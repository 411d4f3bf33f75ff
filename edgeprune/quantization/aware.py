"""Quantisation-aware training: the weights learn to live with int8 before they are rounded.

torchao's PT2E puts simulated rounding into a copy of the model's graph (Jacob et al., CVPR 2018);
it is trained as any model, and only its weights come back: the file is then quantised as always.
"""

import contextlib
import copy
import io
import logging
from collections.abc import Callable

import torch
from torch import nn

from edgeprune.errors import UserError

_LARGEST_BATCH = 4096


def with_rounding(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """A copy of a model that rounds weights and activations to int8 as it computes.

    Weights are rounded per channel and symmetrically, activations per tensor with a zero point,
    as `to_int8` does.

    Args:
        model: left as it was.
        images: float32 (N, C, H, W) with N ≥ 2; only the shape counts.

    Returns:
        The copy; ``train()`` and ``eval()`` switch it, and its ``state_dict`` holds the model's
        own names among others.

    Raises:
        UserError: torchao is not installed, or torch.export cannot follow the model.
    """
    round_inputs = _torchao()
    batch = torch.export.Dim("batch", min=2, max=_LARGEST_BATCH)
    own = copy.deepcopy(model).train()  # the graph holds on to the weights it was made from
    try:
        program = torch.export.export(own, (images,), dynamic_shapes=({0: batch},), strict=False)
    except Exception as error:  # torch.export fails in many ways, none of them promised
        first = str(error).partition("\n")[0]
        msg = f"quantisation-aware training: torch.export cannot follow the model: {first}"
        raise UserError(msg) from error
    return round_inputs(program.module())


def adopt_weights(model: nn.Module, trained: nn.Module) -> nn.Module:
    """Give a model the weights and statistics that `with_rounding`'s copy has learned.

    Args:
        model: changed in place, and put into eval mode.
        trained: the copy.
    """
    learned = trained.state_dict()
    model.load_state_dict({name: learned[name] for name in model.state_dict()})
    return model.eval()


def _torchao() -> Callable[[nn.Module], nn.Module]:
    # On import it says which of its CUDA libraries do not fit this machine.
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            from edgeprune.quantization.rounded_inputs import round_inputs
    except ImportError as error:
        msg = (
            f"quantisation-aware training needs torchao ({error}); "
            "install it: pip install 'edgeprune[qat]'"
        )
        raise UserError(msg) from error
    finally:
        logging.disable(before)
    return round_inputs
