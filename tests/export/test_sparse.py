"""Sparse initialisers: a smaller file that computes the same."""

import numpy as np
import onnx
import onnxruntime
import torch

from edgeprune.export.sparse import sparse_onnx
from edgeprune.pruning import ChannelSpace, WeightSpace
from tests.models import tiny_cnn


def _masked(density: float) -> bytes:
    torch.manual_seed(0)
    model = tiny_cnn().eval()
    space = WeightSpace(model)
    masked = space.plan(space.scaled(density)).apply(model)
    template = ChannelSpace.from_model(model, torch.zeros(1, 3, 32, 32)).template
    return template.candidate(masked.state_dict())


def test_a_sparse_file_is_smaller_and_computes_the_same() -> None:
    dense = _masked(0.1)
    sparse = sparse_onnx(dense)
    assert len(sparse) < 0.5 * len(dense)
    onnx.checker.check_model(onnx.load_from_string(sparse))
    images = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    outputs = []
    for content in (dense, sparse):
        session = onnxruntime.InferenceSession(content)
        outputs.append(session.run(None, {session.get_inputs()[0].name: images})[0])
    np.testing.assert_array_equal(*outputs)


def test_a_tensor_with_too_few_zeros_stays_as_it_is() -> None:
    dense = _masked(0.5)
    assert sparse_onnx(dense) == onnx.load_from_string(dense).SerializeToString()
