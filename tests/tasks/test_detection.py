"""The parts of detection: overlaps, suppression, reading maps, assignment, training."""

import sys
from typing import Any

import pytest
import torch

from edgeprune.errors import WorkloadError
from edgeprune.tasks import make_task
from edgeprune.tasks.assignment import assigned
from edgeprune.tasks.boxes import overlap, unsuppressed
from edgeprune.tasks.dense_boxes import MOST, dense_boxes, detections
from edgeprune.workloads import TorchSplit


def _random_boxes(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = 60 * torch.rand(count, 2, generator=generator)
    return torch.cat([corners, corners + 5 + 30 * torch.rand(count, 2, generator=generator)], 1)


def test_overlaps_are_torchvisions() -> None:
    from torchvision.ops import box_iou, generalized_box_iou

    first, second = _random_boxes(20), _random_boxes(30, 1)
    share, general = overlap(first[:, None], second)
    assert torch.allclose(share, box_iou(first, second), atol=1e-5)
    assert torch.allclose(general, generalized_box_iou(first, second), atol=1e-5)
    assert all((one == 1).all() for one in overlap(first, first))


def test_suppression_keeps_the_best_of_each_label() -> None:
    boxes = torch.stack([_random_boxes(60, seed) for seed in range(20)])
    labels = torch.arange(60).expand(20, 60) % 2
    found = unsuppressed(boxes, labels, 0.3)
    for image in range(20):
        kept: list[int] = []
        for row in range(60):
            same = [one for one in kept if labels[image, one] == labels[image, row]]
            shares = overlap(boxes[image, row], boxes[image, same])[0] if same else torch.zeros(1)
            if shares.max() <= 0.3:
                kept.append(row)
        assert found[image].nonzero()[:, 0].tolist() == kept


def test_maps_are_read_as_distances_in_strides() -> None:
    one = torch.full((1, 6, 4, 8), -9.0)
    away = torch.tensor([1.0, 0.5, 2.0, 1.5])
    one[0, :4, 1, 2] = away.expm1().log()
    one[0, 5, 1, 2] = 3.0
    dense = dense_boxes({"p3": one, "p4": one[..., ::2, ::2]}, 64, 128)
    assert dense.logits.shape == (1, 40, 2) and dense.strides.tolist() == [16.0] * 32 + [32.0] * 8
    (found,) = detections(dense, 64, 128, lowest=0.5)
    # The third column and the second row: the middle is (40, 24).
    assert found["boxes"][0].tolist() == pytest.approx([24, 16, 72, 48], abs=1e-3)
    assert found["labels"].tolist() == [1] and found["scores"][0] > 0.9


def test_no_more_are_found_than_count_and_none_outside() -> None:
    outputs = torch.randn(2, 6, 24, 24, generator=torch.Generator().manual_seed(0))
    for found in detections(dense_boxes([outputs], 96, 96), 96, 96):
        assert len(found["boxes"]) <= MOST
        assert found["boxes"].min() >= 0 and found["boxes"].max() <= 96
        assert (found["scores"].diff() <= 0).all()


def test_every_object_has_locations_of_its_size() -> None:
    maps = [torch.zeros(1, 5, 12, 12), torch.zeros(1, 5, 6, 6), torch.zeros(1, 5, 3, 3)]
    dense = dense_boxes(maps, 96, 96)
    boxes = torch.tensor([[9.0, 9, 11, 11], [20, 20, 50, 50], [0, 0, 96, 96]])
    owners = assigned(dense, boxes)
    for row, stride in enumerate((8, 8, 32)):
        assert set(dense.strides[owners == row].tolist()) == {float(stride)}
    inside = dense.centres[owners == 1]
    assert len(inside) >= 4 and inside.min() > 20 and inside.max() < 50
    assert (assigned(dense, boxes[:0]) == -1).all()


def test_the_smaller_of_two_objects_has_the_location() -> None:
    dense = dense_boxes([torch.zeros(1, 5, 12, 12)], 96, 96)
    owners = assigned(dense, torch.tensor([[10.0, 10, 60, 60], [30, 30, 44, 44]]))
    at = ((dense.centres - 36).abs().amax(1) < 1).nonzero()[0, 0]
    assert owners[at] == 1


def _scenes(count: int = 8) -> list[dict[str, torch.Tensor]]:
    return [
        {"boxes": _random_boxes(row % 3, row), "labels": torch.arange(row % 3)}
        for row in range(count)
    ]


def test_outputs_that_are_trained_find_what_is_there() -> None:
    """From free outputs, no network: the loss's minimum is what the metric asks for."""
    task = make_task("detection", args={"image_size": 96})
    outputs = [torch.zeros(8, 6, size, size, requires_grad=True) for size in (12, 6)]
    optimizer = torch.optim.Adam(outputs, 0.25)
    for _ in range(60):
        optimizer.zero_grad()
        task.loss(outputs, _scenes()).backward()
        optimizer.step()
    meter = task.meter()
    meter.update([one.detach() for one in outputs], _scenes())
    assert meter.compute()["mAP50"] > 0.95 and meter.compute()["mAP"] > 0.7


def test_images_without_a_box_teach_that_there_is_none() -> None:
    task = make_task("detection", args={"image_size": 96})
    empty = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}] * 2
    outputs = torch.zeros(2, 6, 6, 6, requires_grad=True)
    task.loss(outputs, empty).backward()
    assert (outputs.grad[:, 4:] > 0).all()
    meter = task.meter()
    meter.update(outputs.detach(), empty)
    assert set(meter.compute().values()) == {0.0}


def test_the_size_is_that_of_the_training_images() -> None:
    task = make_task("detection")
    with pytest.raises(WorkloadError, match=r"set workload\.task_args\.image_size"):
        task.loss(torch.zeros(8, 6, 6, 6), _scenes())
    task.prepare(TorchSplit("train", list(zip(torch.zeros(8, 3, 96, 128), _scenes(), strict=True))))
    sized = make_task("detection", args={"image_size": 128})
    outputs = torch.zeros(8, 6, 6, 8)
    assert task.loss(outputs, _scenes()) != sized.loss(outputs, _scenes())


@pytest.mark.parametrize(
    ("outputs", "targets", "message"),
    [
        ([torch.zeros(1, 9, 4, 4)], None, r"output\.0 of shape \(1, 9, 4, 4\).*\(1, 6, height"),
        (torch.zeros(1, 6), None, r"shape \(1, 6\)"),
        ([torch.zeros(1, 6, 4, 4)], torch.zeros(1), "targets are no boxes"),
        ([torch.zeros(1, 6, 4, 4)], [{"boxes": torch.zeros(2, 5)}], "targets are no boxes"),
    ],
)
def test_what_does_not_fit_is_told(outputs: Any, targets: Any, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        make_task("detection").check(
            outputs, _scenes(1) if targets is None else targets, ("cat", "dog")
        )


def test_a_label_beyond_the_classes_is_told() -> None:
    task = make_task("detection", args={"image_size": 96})
    wrong = [{"boxes": _random_boxes(1), "labels": torch.tensor([2])}]
    with pytest.raises(WorkloadError, match="label 2; allowed: 0 to 1"):
        task.loss(torch.zeros(1, 6, 6, 6), wrong)


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics.detection", None)
    with pytest.raises(WorkloadError, match=r"install edgeprune\[detection\]"):
        make_task("detection", args={"image_size": 96}).meter()
