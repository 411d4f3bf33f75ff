"""How many trials a minute a run can do, by operational analysis: no benchmark itself.

A run is a closed queueing network (Denning and Buzen, ACM Computing Surveys 1978): so many
proposals are outstanding, and each needs the driver for a moment, a worker for its accuracy and a
device for its latency, the last two at the same time. No station does more than its servers can,
and no proposal comes round faster than its own times take:

    X <= min(1 / driver, workers / accuracy, devices / latency,
             outstanding / (driver + max(accuracy, latency)))

Measurements take nearly the same time again and again, so that queues form only behind the
bottleneck, and the bound is what a run does.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Run:
    """What a run has, and what a trial takes of it, in seconds.

    Attributes:
        driver_s: proposing, learning, making the file, keeping the journal.
        accuracy_s: of a worker.
        latency_s: of a device.
        workers: that score.
        devices: that measure.
        outstanding: proposals under evaluation at once.
    """

    driver_s: float
    accuracy_s: float
    latency_s: float
    workers: int
    devices: int
    outstanding: int

    @property
    def bounds(self) -> dict[str, float]:
        """Trials a second that each part allows."""
        one = self.driver_s + max(self.accuracy_s, self.latency_s)
        return {
            "driver": 1 / self.driver_s,
            "workers": self.workers / self.accuracy_s if self.accuracy_s else float("inf"),
            "devices": self.devices / self.latency_s if self.latency_s else float("inf"),
            "outstanding": self.outstanding / one,
        }

    @property
    def trials_per_minute(self) -> float:
        """What the bottleneck allows."""
        return 60 * min(self.bounds.values())

    @property
    def bottleneck(self) -> str:
        """The part that allows least."""
        return min(self.bounds, key=lambda part: self.bounds[part])


def laptop_to_cluster(driver_s: float) -> dict[str, Run]:
    """The steps of docs/scaling.md: ResNet-20, an accuracy of 0.6 s and a latency of 2 s.

    Args:
        driver_s: as measured.
    """
    one = Run(driver_s, 0.6, 2.0, workers=1, devices=1, outstanding=1)
    return {
        # On a local target a latency waits for the accuracy before it, and the other way round.
        "laptop": replace(one, latency_s=2.6),
        "laptop_one_board": one,
        "box_four_boards": replace(one, workers=4, devices=4, outstanding=8),
        "cluster_hundred_boards": replace(one, workers=32, devices=100, outstanding=132),
    }
