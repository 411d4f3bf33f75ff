"""Pipeline: the stages of a run, its directory, and how it resumes."""

from edgeprune.pipeline.runner import RunResult, resume, run, write_report

__all__ = ["RunResult", "resume", "run", "write_report"]
