"""Recovery: repairing a freshly pruned model as far as that goes without training.

Without it the accuracy of a candidate is near chance and says little about what fine-tuning makes
of it (docs/algorithms.md#amc-reproduced-by-others and #what-the-reward-says).
"""

from typing import TYPE_CHECKING

from torch import nn

from edgeprune.evaluation.batch_norm import Recalibration
from edgeprune.evaluation.execution import Execution, flush_denormals
from edgeprune.evaluation.least_squares import Reconstruction
from edgeprune.evaluation.thinned import ThinnedReconstruction
from edgeprune.pruning.plan import Plan
from edgeprune.pruning.spaces.weights import WeightPlan

if TYPE_CHECKING:
    from edgeprune.config import RecoverConfig
    from edgeprune.pruning import CandidatePlan
    from edgeprune.workloads import Split


class Recovery:
    """Applies plans to one model, then repairs: least squares first, batch norms after.

    Attributes:
        model: the trained original.
        execution: layout and precision that suit the model's forward passes.
        reconstruction: the least-squares step where channels go; None when switched off.
        thinned: the same where single weights go.
        recalibration: the batch-norm step; None when switched off.
    """

    def __init__(
        self, model: nn.Module, split: "Split", config: "RecoverConfig", *, seed: int = 0
    ) -> None:
        """Set up; statistics of the original model are gathered when the first plan comes.

        Args:
            model: the trained original, in eval mode; must not change while this is in use.
            split: the training images; statistics come from ``config.images`` of them.
            config: which steps are done.
            seed: of the choice of images; equal seeds recover equal models, bit for bit.
        """
        flush_denormals()
        self.model = model
        example, _ = next(iter(split.batches(1)))
        self.execution = Execution.for_model(model, example)
        self.reconstruction: Reconstruction | None = None
        self.thinned: ThinnedReconstruction | None = None
        self.recalibration: Recalibration | None = None
        if config.reconstruction == "least_squares":
            self.reconstruction = Reconstruction(
                model,
                split,
                images=config.images,
                seed=seed,
                recalibrated=config.recalibrate_bn,
                execution=self.execution,
            )
            self.thinned = ThinnedReconstruction(
                model,
                split,
                images=config.images,
                seed=seed,
                recalibrated=config.recalibrate_bn,
            )
        if config.recalibrate_bn:
            self.recalibration = Recalibration(
                model, split, images=config.images, seed=seed, execution=self.execution
            )

    def recover(self, plan: "CandidatePlan") -> nn.Module:
        """Apply a plan to the original model and repair what it broke.

        Args:
            plan: made for the original model.

        Returns:
            A new, pruned model in eval mode. A plan that cuts nothing gives a plain copy.

        Raises:
            SpaceError: the plan was made for another architecture.
        """
        pruned = plan.apply(self.model).eval()
        if plan.whole:
            return pruned
        if self.reconstruction is not None and isinstance(plan, Plan):
            self.reconstruction.apply(pruned, plan)
        if self.thinned is not None and isinstance(plan, WeightPlan):
            self.thinned.apply(pruned, plan)
        if self.recalibration is not None:
            self.recalibration.apply(pruned, plan)
        return pruned
