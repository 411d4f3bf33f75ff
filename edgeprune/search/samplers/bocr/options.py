"""BOCR's numbers."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from edgeprune.search.samplers.checked_options import CheckedOptions

#: Evaluations of one search in the paper; shorter searches have all their clocks shortened alike.
_EVALUATIONS = 200

Count = Annotated[int, Field(ge=1, le=10**9)]
Positive = Annotated[float, Field(gt=0, le=1e9)]


class BocrOptions(CheckedOptions):
    """Parameters of `BocrSampler`; the values are those of BOCR's released code.

    Those that are None depend on the number of trials or on the problem: see `resolved`.

    Attributes:
        similarity: what makes groups similar: ``EU``, the Euclidean distance of their importance
            densities, ``JS``, the Jensen-Shannon distance of the same, or ``ST``, the distance of
            their features. None: ``EU`` where the problem has importance scores, else ``ST``.
        clusters: clusters at the start; as many as there are groups is a plain Gaussian process.
        bridge_clusters: clusters after the first of two rollbacks (``gradual``).
        rollback: ``direct`` unties all groups at once, ``gradual`` in two steps, ``none`` never.
        initial: Sobol points before the Gaussian process decides.
        elites: how many of the best in-budget policies set the bounds after a rollback.
        elite_tolerance: how far the cost of an elite may be from the target.
        bounds: how far ratios may go after a rollback: ``elites``, as far as any group's of any
            elite (BOCR's); ``elites_per_group``, as far as the same group's, which is stricter;
            ``problem``, as far as is allowed, as before the rollback.
        patience: evaluations without a better reward that bring an armed rollback on.
        armed: evaluations before which the first rollback does not happen.
        fires: evaluations at which the first rollback happens in any case.
        second_armed: the same for the second one (``gradual``).
        second_fires: the same for the second one (``gradual``).
        density_points: where the importance densities are compared.
        density_limit: largest importance, less the median, that is looked at.
        density_floor: added to the densities.
        jitter: improvement asked for, in standard deviations of the rewards.
        restarts: length scales looked at; the Gaussian process is fitted from the likeliest
            (BOCR fits from all: five times the time for the same).
        fit_iterations: most L-BFGS steps of the fit.
        anchor_samples: random points that the expected improvement is first looked at.
        anchors: the best of those, from where it is climbed.
        anchor_iterations: most L-BFGS steps of the climb.
    """

    sampler: ClassVar[str] = "bocr"

    similarity: Literal["EU", "JS", "ST"] | None = None
    clusters: Count = 3
    bridge_clusters: Count = 9
    rollback: Literal["direct", "gradual", "none"] = "direct"
    initial: Annotated[int, Field(ge=2, le=10**6)] | None = None
    elites: Count = 10
    elite_tolerance: Positive = 0.01
    bounds: Literal["elites", "elites_per_group", "problem"] = "elites"
    patience: Count | None = None
    armed: Count | None = None
    fires: Count | None = None
    second_armed: Count | None = None
    second_fires: Count | None = None
    density_points: Annotated[int, Field(ge=2, le=10**6)] = 1000
    density_limit: Positive = 15.0
    density_floor: Positive = 9.88e-50
    jitter: Annotated[float, Field(ge=0, le=10)] = 0.01
    restarts: Annotated[int, Field(ge=1, le=100)] = 5
    fit_iterations: Count = 1000
    anchor_samples: Annotated[int, Field(ge=1, le=10**6)] = 1000
    anchors: Annotated[int, Field(ge=1, le=1000)] = 5
    anchor_iterations: Count = 20

    def resolved(self, trials: int, *, scored: bool) -> "BocrOptions":
        """These options for one search.

        A search of 200 trials or more has BOCR's clocks (10 Sobol points, patience 20, rollbacks
        at 80 to 100 and 130 to 150 evaluations); a shorter one shortens them in proportion, so
        that there is a rollback before it ends.

        Args:
            trials: how long the search will be.
            scored: whether the problem has importance scores.
        """
        share = min(1.0, trials / _EVALUATIONS)
        found: dict[str, Any] = {
            "initial": max(2, min(10, round(0.2 * trials))),
            "patience": max(1, round(20 * share)),
            "armed": max(1, round(80 * share)),
            "fires": max(1, round(100 * share)),
            "second_armed": max(1, round(130 * share)),
            "second_fires": max(1, round(150 * share)),
            "similarity": "EU" if scored else "ST",
        }
        missing = {key: value for key, value in found.items() if getattr(self, key) is None}
        return self.model_copy(update=missing)
