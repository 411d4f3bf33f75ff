"""The finish of masked models: fine-tuned alike with the zeros held, written, counted, measured."""

import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save

from edgeprune.errors import ConfigError
from edgeprune.evaluation import MaskedEvaluator, accuracy
from edgeprune.export import Verification, verify_onnx
from edgeprune.export.sparse import sparse_onnx
from edgeprune.files import write_atomic
from edgeprune.pipeline.finishing import fine_tune
from edgeprune.pipeline.session import Session
from edgeprune.pipeline.weights import target_density, weights_problem
from edgeprune.pruning import Densities, MaskSpace
from edgeprune.search import SearchProblem
from edgeprune.training import fit


@dataclass
class MaskedSession:
    """An open run whose weights are pruned one by one.

    Attributes:
        session: the open run.
        space: the layers and their magnitudes.
    """

    session: Session
    space: MaskSpace

    @classmethod
    def of(cls, session: Session) -> "MaskedSession":
        """The masks of a run's base model.

        Raises:
            SpaceError: the model has no weights to prune, or a pattern matches no layer.
            ConfigError: no mask is as sparse as the budget asks for.
        """
        prune = session.config.prune
        space = MaskSpace(session.workload.model, include=prune.include, exclude=prune.exclude)
        least = space.density({name: choices[0] for name, choices in space.choices.items()})
        if least > target_density(session.config):
            msg = (
                f"budget.sparsity is {session.config.budget.sparsity:g}; allowed: at most "
                f"{int(10_000 * (1 - least)) / 10_000:g}, as every layer keeps 16 weights at least"
            )
            raise ConfigError(msg)
        return cls(session, space)

    @property
    def density(self) -> float:
        """The budget: largest share of the prunable weights that is kept."""
        return target_density(self.session.config)

    @property
    def problem(self) -> SearchProblem:
        """What samplers are told."""
        return weights_problem(self.space, self.density)

    @cached_property
    def evaluator(self) -> MaskedEvaluator:
        """Scores densities; its statistics are gathered once."""
        session = self.session
        return MaskedEvaluator(
            model=session.workload.model,
            space=self.space,
            template=session.space.template,
            train=session.workload.splits.train,
            reward=session.workload.splits.reward,
            device=session.device,
            images=session.config.recover.images,
            macs=session.space.macs(session.space.full),
            seed=session.config.search.seed,
            retrain=self._retrain if session.config.recover.retrain_images else None,
        )

    def _retrain(self, model: torch.nn.Module, after_step: Callable[[], None]) -> None:
        config, train = self.session.config, self.session.workload.splits.train
        fit(
            model,
            train.subset(config.recover.retrain_images, config.search.seed),
            epochs=1,
            lr=config.finetune.lr,
            batch_size=config.finetune.batch_size,
            weight_decay=config.finetune.weight_decay,
            clip=config.finetune.clip or None,
            seed=config.search.seed,
            after_step=after_step,
        )


def finish_masked(
    run: MaskedSession, name: str, densities: Densities, limit: float
) -> dict[str, Any]:
    """Fine-tune a contender's masked model, write it, verify the files and measure it.

    Args:
        run: the open run.
        name: of the contender and its files.
        densities: thousandths of its weights that each layer keeps.
        limit: largest share of the prunable weights that is kept.

    Returns:
        The contender's record, as kept in ``stages/``; ``density`` is counted in the file.
    """
    session = run.session
    if (record := session.directory.record(name)) is not None:
        return dict(record)
    masks = run.space.masks(densities)
    model = run.evaluator.masked(densities)
    checkpoint = session.directory.contender(name, "checkpoint")
    fine_tune(session, name, model, checkpoint, lambda: run.space.hold(model, masks))
    content = session.space.template.candidate(model.state_dict())
    comparison = session.compare_file(content)
    density = _written_density(content, run.space)
    masks.save(session.directory.contender(name, "plan.json"))
    record = {
        "name": name,
        "widths": densities,
        "kept": masks.kept,
        "density": density,
        "reward_accuracy": accuracy(model, session.workload.splits.reward),
        "macs": session.space.macs(session.space.full),
        "parameters": run.space.parameters(densities),
        **_write_files(session, name, model, content),
        "met": density <= limit,
        "ratio": comparison.ratio,
        "ratio_interval": list(comparison.ratio_interval),
        "candidate": comparison.candidate.to_json(),
        "baseline": comparison.baseline.to_json(),
    }
    record = dict(session.directory.finish(name, record))
    checkpoint.unlink(missing_ok=True)
    return record


def _write_files(
    session: Session, name: str, model: torch.nn.Module, content: bytes
) -> dict[str, Any]:
    """The ONNX file, the weights, and a file with sparse initialisers where that is smaller."""
    directory, test = session.directory, session.workload.splits.test
    path, sparse_path = (directory.contender(name, one) for one in ("onnx", "sparse.onnx"))
    write_atomic(path, content)
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    write_atomic(directory.contender(name, "safetensors"), save(weights))
    sparse = sparse_onnx(content)
    write_atomic(sparse_path, sparse)
    found: list[Verification] = [verify_onnx(one, model, test) for one in (path, sparse_path)]
    return {
        "bytes": len(content),
        "compressed": compressed(content),
        "sparse_bytes": len(sparse),
        "sparse_compressed": compressed(sparse),
        "verification": asdict(found[0]),
        "sparse_verification": asdict(found[1]),
    }


def compressed(content: bytes) -> int:
    """Bytes after the strongest deflate, as in a wheel, an APK or over HTTP."""
    return len(zlib.compress(content, 9))


def _written_density(content: bytes, space: MaskSpace) -> float:
    """Share of the prunable weights that is not zero in a file: what counts for the budget."""
    wanted = {f"{name}.weight" for name in space.layers}
    kept = sum(
        int(np.count_nonzero(numpy_helper.to_array(tensor)))
        for tensor in onnx.load_from_string(content).graph.initializer
        if tensor.name in wanted
    )
    return kept / sum(space.full.values())
