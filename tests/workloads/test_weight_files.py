from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from edgeprune.errors import WorkloadError
from edgeprune.workloads.weights import load_weights, read_weights


def _net(classes: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, classes))


def _load(model: nn.Module, path: Path) -> None:
    load_weights(model, read_weights(path), str(path))


def _equal(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3, "best": 0.9},
        lambda state: {"model_state_dict": state},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {f"module.{key}": value for key, value in state.items()},
    ],
)
@pytest.mark.parametrize("ending", ["pt", "pth"])
def test_state_dicts_in_all_their_wrappings(
    tmp_path: Path, wrap: Callable[[dict[str, torch.Tensor]], object], ending: str
) -> None:
    source, target = _net(), _net()
    torch.save(wrap(source.state_dict()), tmp_path / f"net.{ending}")
    assert not _equal(source, target)
    _load(target, tmp_path / f"net.{ending}")
    assert _equal(source, target)


def test_safetensors(tmp_path: Path) -> None:
    source, target = _net(), _net()
    save_file(source.state_dict(), tmp_path / "net.safetensors")
    _load(target, tmp_path / "net.safetensors")
    assert _equal(source, target)


def test_files_from_before_batch_norm_counted(tmp_path: Path) -> None:
    source, target = _net(), _net()
    state = {key: v for key, v in source.state_dict().items() if "num_batches" not in key}
    torch.save(state, tmp_path / "old.pt")
    _load(target, tmp_path / "old.pt")
    assert _equal(source, target)


class _Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap-sprung"),)  # type: ignore[return-value]


@pytest.mark.parametrize("content", [_net(), {"state_dict": _Trap()}, _Trap()])
def test_pickles_are_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(
        WorkloadError, match=r"net\.pt holds pickled Python objects.*state_dict\(\)"
    ):
        read_weights(tmp_path / "net.pt")
    assert not (tmp_path / "trap-sprung").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.pt", b"", "net.pt is empty"),
        ("net.pt", b"no weights at all", "net.pt"),
        ("net.pt", b"<!DOCTYPE html><html>", r"net\.pt is text .*was a web page saved"),
        ("net.safetensors", b"no weights at all", "no safetensors file"),
        ("net.h5", b"", r"ends in '\.h5'; allowed: \.pt, \.pth or \.safetensors"),
    ],
)
def test_files_that_hold_no_weights(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WorkloadError, match=message):
        read_weights(tmp_path / name)


def test_a_truncated_file(tmp_path: Path) -> None:
    torch.save(_net().state_dict(), tmp_path / "net.pt")
    whole = (tmp_path / "net.pt").read_bytes()
    (tmp_path / "net.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        WorkloadError, match=r"net\.pt is damaged or no weights file: torch\.load says .*"
    ):
        read_weights(tmp_path / "net.pt")


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    torch.save(_net().state_dict(), tmp_path / "resnet20.pt")
    with pytest.raises(WorkloadError, match=r"resnet2\.pt does not exist.*mean 'resnet20\.pt'"):
        read_weights(tmp_path / "resnet2.pt")
    with pytest.raises(WorkloadError, match="is a folder"):
        read_weights(tmp_path)
    with pytest.raises(WorkloadError, match="does not exist"):
        read_weights(tmp_path / "no-folder" / "net.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2, 3], "holds a list"),
        ({}, "holds a dict that is empty"),
        ({"epoch": 3}, "a int under 'epoch'.*state_dict or model_state_dict"),
        ({"a.weight": torch.tensor([1.0, torch.nan])}, "NaN or infinite values in a.weight"),
    ],
)
def test_contents_that_are_no_state_dict(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(WorkloadError, match=message):
        read_weights(tmp_path / "net.pt")


def test_all_that_does_not_fit_is_listed_and_nothing_is_loaded() -> None:
    model, before = _net(), _net()
    before.load_state_dict(model.state_dict())
    state = _net(classes=7).state_dict()
    state["extra.weight"] = state.pop("0.weight")
    with pytest.raises(WorkloadError) as caught:
        load_weights(model, state, "net.pt")
    message = str(caught.value)
    assert "net.pt" in message
    assert "missing in the file (1): 0.weight" in message
    assert "not in the model (1): extra.weight" in message
    assert "3.weight is 7x8, the model has 4x8" in message
    assert _equal(model, before)


def test_hints_for_the_two_usual_mistakes() -> None:
    with pytest.raises(WorkloadError, match=r"set workload\.model\.num_classes"):
        load_weights(_net(), _net(classes=7).state_dict(), "net.pt")
    state = _net().state_dict() | {"layer2.0.shortcut.0.weight": torch.zeros(1)}
    with pytest.raises(WorkloadError, match=r"set workload\.model\.shortcut: B"):
        load_weights(_net(), state, "net.pt")
