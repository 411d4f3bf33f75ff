"""The declared list of stages: one file each, and nothing is taken that no earlier one leaves."""

from pathlib import Path

from edgeprune.pipeline import stages
from edgeprune.pipeline.records import Finished
from edgeprune.pipeline.stages.order import STAGES


def test_every_stage_has_its_file_and_every_file_is_a_stage() -> None:
    files = {path.stem for path in Path(stages.__file__).parent.glob("*.py")}
    assert files - {"__init__", "order", "report"} == {stage.name for stage in STAGES}


def test_stages_take_what_earlier_ones_leave() -> None:
    left: set[type] = {Finished}  # of the race's contenders
    for stage in STAGES:
        assert set(stage.takes) <= left, stage.name
        left.add(stage.leaves)
