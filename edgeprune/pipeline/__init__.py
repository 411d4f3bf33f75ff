"""Pipeline: the stages of a run, its directory, and how it resumes."""

from edgeprune.pipeline.after import export_run, verify_file
from edgeprune.pipeline.runner import RunResult, resume, run, write_report

__all__ = ["RunResult", "export_run", "resume", "run", "verify_file", "write_report"]
