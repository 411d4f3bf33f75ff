"""Pipeline: the stages of a run, its directory, and how it resumes."""

from edgeprune.pipeline.after import export_run
from edgeprune.pipeline.checking import check_pipeline
from edgeprune.pipeline.direct import evaluate, measure, problem
from edgeprune.pipeline.points import finish_point
from edgeprune.pipeline.progress import Listener
from edgeprune.pipeline.result import Latency, Result, RunResult
from edgeprune.pipeline.runner import prune, resume, run, write_report
from edgeprune.pipeline.verifying import verify_file

__all__ = [
    "Latency",
    "Listener",
    "Result",
    "RunResult",
    "check_pipeline",
    "evaluate",
    "export_run",
    "finish_point",
    "measure",
    "problem",
    "prune",
    "resume",
    "run",
    "verify_file",
    "write_report",
]
