"""The report: one self-contained HTML page per run, made from plain data."""

from edgeprune.report.course import Past
from edgeprune.report.page import render, write_report
from edgeprune.report.summary import (
    Budget,
    Group,
    Layer,
    Row,
    Summary,
    Target,
    Trial,
)

__all__ = [
    "Budget",
    "Group",
    "Layer",
    "Past",
    "Row",
    "Summary",
    "Target",
    "Trial",
    "render",
    "write_report",
]
