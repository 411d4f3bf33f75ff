"""What the rows of a result are called, in the terminal and in the report alike."""

from pathlib import Path

from edgeprune.joint import JointResult
from edgeprune.pipeline.records import Manifest
from edgeprune.pipeline.run_directory import RunDirectory


def row_names(directory: Path, manifest: Manifest) -> dict[str, str]:
    """The name of each role's row; those of roles that this run does not have are not used.

    Args:
        directory: of the finished run.
        manifest: of its bundle.
    """
    joint = RunDirectory(directory).record("joint", JointResult)
    half_trained = joint is not None and joint.after > 0
    by_density = manifest.granularity == "weights"
    return {
        "base": "whole network, as it was when it was cut" if half_trained else "base model",
        "result": f"edgeprune ({manifest.result.found_by or manifest.sampler})",
        "magnitude": "global magnitude",
        "uniform": "uniform density" if by_density else "uniform-L1, same latency",
        "filled": "uniform-L1, filled",
        "random": "random search, same trials",
    }
