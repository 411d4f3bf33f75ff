"""Training the result for int8, where rounding its weights afterwards costs too much."""

import copy
from dataclasses import replace

import torch

from edgeprune.export.formats import Source
from edgeprune.pipeline.session import Session
from edgeprune.quantization import adopt_weights, with_rounding
from edgeprune.tensors import single
from edgeprune.training import fit

#: Share of the fine-tuning's learning rate: the weights are nearly there.
_LR_SHARE = 0.1


def trained_for_int8(session: Session, source: Source, epochs: int) -> Source:
    """The network with weights that have learned to be rounded, taught by the float one.

    A second call, for another format, takes up what the first has trained.

    Args:
        session: the open run.
        source: the finished network; left as it was.
        epochs: passes over the training images.

    Raises:
        UserError: torchao is not installed, or torch.export cannot follow the model.
    """
    recipe = session.config.finetune
    example = single(source.example, "training for int8")
    images = torch.cat([example, example])
    rounding = with_rounding(source.model, images)
    with session.reporter.task("train for int8", epochs) as task:
        fit(
            rounding,
            session.workload.splits.train,
            epochs=epochs,
            lr=_LR_SHARE * recipe.lr,
            batch_size=recipe.batch_size,
            weight_decay=recipe.weight_decay,
            clip=recipe.clip or None,
            seed=session.config.search.seed,
            task=session.workload.task,
            teacher=source.model,
            temperature=recipe.temperature,
            checkpoint=session.directory.contender("result-int8", "checkpoint"),
            on_epoch=lambda epoch, loss: task.advance(note=f"loss {loss:.3f}"),
            mode="float32",  # simulated rounding is defined on float32, and traced on the CPU
        )
    model = adopt_weights(copy.deepcopy(source.model), rounding)
    content = session.template.candidate(model.state_dict())
    files = {} if session.artifact is None else session.artifact.plain(content)
    return replace(source, model=model, onnx=content, files=files)
