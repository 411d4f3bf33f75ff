"""The examples of the tasks: each loads, and its network learns from its data."""

from pathlib import Path

import pytest
import torch

from edgeprune.config import load_pipeline
from edgeprune.workloads import load_workload

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["segmentation", "detection", "keywords", "regression"])
def test_a_network_learns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    workload = load_workload(load_pipeline(ROOT / "examples" / f"{name}.yaml").workload)
    few = workload.splits.train.subset(16, 0)
    inputs, targets = next(iter(few.batches(16)))
    model = workload.model.train()
    optimizer = torch.optim.Adam(model.parameters(), 0.005)
    losses = []
    for _ in range(12):
        loss = workload.task.loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert {one.name for one in workload.task.metrics} == set(_scored(workload, few))


def _scored(workload, split) -> dict[str, float]:
    meter = workload.task.meter()
    with torch.inference_mode():
        for inputs, targets in split.batches(16):
            meter.update(workload.model.eval()(inputs), targets)
    return meter.compute()
