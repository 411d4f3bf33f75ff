"""Pipeline: the stages of a run, its directory, and how it resumes."""

from edgeprune.pipeline.after import export_run, verify_file
from edgeprune.pipeline.direct import evaluate, measure, problem
from edgeprune.pipeline.progress import Listener
from edgeprune.pipeline.result import Latency, Result, RunResult
from edgeprune.pipeline.runner import prune, resume, run, write_report

__all__ = [
    "Latency",
    "Listener",
    "Result",
    "RunResult",
    "evaluate",
    "export_run",
    "measure",
    "problem",
    "prune",
    "resume",
    "run",
    "verify_file",
    "write_report",
]
