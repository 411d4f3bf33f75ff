import pytest
import torch
from torch import nn

from edgeprune.evaluation.patches import Mixer, geometry, sample_patches

LAYERS = {
    "plain": nn.Conv2d(3, 5, 3),
    "padded": nn.Conv2d(3, 5, 3, padding=1),
    "strided": nn.Conv2d(3, 5, 3, stride=2, padding=1),
    "uneven": nn.Conv2d(3, 5, (3, 1), stride=(1, 2), padding=(1, 0)),
    "dilated": nn.Conv2d(3, 5, 3, padding=2, dilation=2),
    "same": nn.Conv2d(3, 5, (2, 4), padding="same"),
    "valid": nn.Conv2d(3, 5, 3, padding="valid"),
    "reflected": nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect"),
    "pointwise": nn.Conv2d(3, 5, 1),
}


OTHER_RANKS = {
    "one axis": (nn.Conv1d(3, 5, 4, stride=2, padding=1, dilation=2), (2, 3, 17)),
    "one axis, same": (nn.Conv1d(3, 5, 4, padding="same"), (2, 3, 9)),
    "three axes": (
        nn.Conv3d(3, 5, (2, 3, 1), stride=(1, 2, 3), padding=(1, 0, 2)),
        (2, 3, 4, 7, 5),
    ),
}


def outputs_from(patches: torch.Tensor, layer: Mixer) -> torch.Tensor:
    assert layer.bias is not None
    return patches @ layer.weight.flatten(1).T + layer.bias


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@torch.no_grad()
def test_all_patches_give_the_layers_output(layer: nn.Conv2d) -> None:
    images = torch.randn(2, 3, 9, 7)
    patches = sample_patches(layer, images, 10_000, torch.Generator())
    expected = layer(images).permute(0, 2, 3, 1).flatten(0, 2)
    torch.testing.assert_close(outputs_from(patches, layer), expected)


@pytest.mark.parametrize("name", OTHER_RANKS)
@torch.no_grad()
def test_all_patches_of_other_ranks_give_the_layers_output(name: str) -> None:
    layer, shape = OTHER_RANKS[name]
    inputs = torch.randn(shape)
    patches = sample_patches(layer, inputs, 10_000, torch.Generator())
    expected = layer(inputs).movedim(1, -1).flatten(0, -2)
    torch.testing.assert_close(outputs_from(patches, layer), expected)


@torch.no_grad()
def test_sampled_patches_belong_to_outputs_of_their_image() -> None:
    layer = LAYERS["strided"]
    images = torch.randn(2, 3, 9, 9)
    patches = sample_patches(layer, images, 6, torch.Generator().manual_seed(0))
    found = outputs_from(patches, layer).view(2, 6, 5)
    expected = layer(images).flatten(2).transpose(1, 2)
    assert torch.cdist(found, expected).min(2).values.max() < 1e-5


@pytest.mark.parametrize("shape", [(4, 6), (4, 5, 6), (4, 2, 3, 6)])
@torch.no_grad()
def test_a_linear_layer_takes_any_leading_dimensions(shape: tuple[int, ...]) -> None:
    layer, inputs = nn.Linear(6, 5), torch.randn(shape)
    patches = sample_patches(layer, inputs, 100, torch.Generator())
    torch.testing.assert_close(outputs_from(patches, layer), layer(inputs).flatten(0, -2))


def test_geometry_tells_strides_apart() -> None:
    assert geometry(nn.Conv2d(3, 4, 3)) == geometry(nn.Conv2d(3, 8, 3))
    assert geometry(nn.Conv2d(3, 4, 3)) != geometry(nn.Conv2d(3, 4, 3, stride=2))
