import pytest
import torch

from edgeprune.errors import WorkloadError
from edgeprune.tasks import make_task

LOGITS = torch.zeros(2, 3, 4, 4)


@pytest.mark.parametrize("number", [3, -1])
def test_a_class_beyond_those_of_the_network_is_told(number: int) -> None:
    task = make_task("segmentation")
    masks = torch.zeros(2, 4, 4, dtype=torch.int64)
    masks[0, 0] = 255
    masks[1, 2, 3] = number
    message = rf"has the class {number}; allowed: 0 to 2 \(3 classes\), and 255"
    with pytest.raises(WorkloadError, match=message):
        task.loss(LOGITS, masks)
    with pytest.raises(WorkloadError, match=message):
        task.meter().update(LOGITS, masks)
