import pytest

from edgeprune.errors import WorkloadError
from edgeprune.tasks import make_task, tasks

_USER = "tests.tasks.user_tasks"


def test_ours_are_there_by_name() -> None:
    assert set(tasks()) >= {"classification", "segmentation", "detection", "regression"}
    assert all(make_task(name).title() == name for name in tasks())


@pytest.mark.parametrize(
    ("name", "metrics", "args", "message"),
    [
        ("segmentatoin", (), {}, "'segmentatoin'.*allowed: .*did you mean 'segmentation'"),
        (f"{_USER}:NoMeter", (), {}, "has no method meter"),
        (f"{_USER}:NoMetrics", (), {}, "has no metrics"),
        (f"{_USER}:NoTask", (), {}, "no class derived from edgeprune.tasks.Task"),
        (f"{_USER}:Dept", (), {}, "did you mean 'Depth'"),
        (f"{_USER}:Depth", (), {"furthest": 1}, "no 'furthest'.*did you mean 'farthest'"),
        (f"{_USER}:Depth", ("within 10",), {}, "did you mean 'within 10 %'"),
        (f"{_USER}:Depth", ("error",), {}, "less is better"),
        ("detection", ("mAP51",), {}, r"metrics\[0\] is 'mAP51'.*did you mean 'mAP50'"),
        ("segmentation", ("mIoU", "mIOU"), {}, r"metrics\[1\].*did you mean 'mIoU'"),
        ("segmentation", ("mIoU", "mIoU"), {}, "names 'mIoU' twice"),
    ],
)
def test_what_does_not_fit_is_told(
    name: str, metrics: tuple[str, ...], args: dict[str, object], message: str
) -> None:
    with pytest.raises(WorkloadError, match=message):
        make_task(name, metrics, args)
