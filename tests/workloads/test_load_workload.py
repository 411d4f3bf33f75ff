from pathlib import Path

import pytest
import torch

from edgeprune.config import DataConfig, ModelConfig, WorkloadConfig
from edgeprune.errors import WorkloadError
from edgeprune.workloads import ArraySplit, Workload, load_workload
from edgeprune.workloads.models import torchvision_models

USER = "tests.workloads.user_code"


def _load(model: dict[str, object], **data: object) -> Workload:
    return load_workload(
        WorkloadConfig(model=ModelConfig(**model), data=DataConfig(**{"name": "digits"} | data))
    )


def test_a_workload_to_be_trained() -> None:
    workload = _load({"name": "resnet20", "num_classes": 10})
    assert workload.name == "resnet20 on digits"
    assert not workload.trained and not workload.model.training
    assert workload.classes == 10
    image, _ = next(iter(workload.splits.train.batches(1)))
    assert workload.example_input.shape == (1, 3, 32, 32)
    assert torch.equal(workload.example_input, image)


def test_two_loads_are_equal_and_the_data_seed_decides() -> None:
    one, same = (_load({"name": f"{USER}:grey_model"}, name=f"{USER}:grey_data") for _ in range(2))
    other = _load({"name": f"{USER}:grey_model"}, name=f"{USER}:grey_data", seed=1)
    weight = "0.weight"
    assert torch.equal(one.model.get_parameter(weight), same.model.get_parameter(weight))
    assert not torch.equal(one.model.get_parameter(weight), other.model.get_parameter(weight))
    assert isinstance(one.splits.reward, ArraySplit) and isinstance(same.splits.reward, ArraySplit)
    assert one.splits.reward.names.tolist() == same.splits.reward.names.tolist()


def test_build_makes_a_separate_model_of_the_same_form() -> None:
    workload = _load({"name": "resnet20"})
    built = workload.build()
    built.load_state_dict(workload.model.state_dict())
    built.get_parameter("conv1.weight").data.zero_()
    assert workload.model.get_parameter("conv1.weight").any()


def test_given_weights_are_loaded(tmp_path: Path) -> None:
    data = {"name": f"{USER}:grey_data_with_reward"}
    source = _load({"name": f"{USER}:grey_model"}, **data, seed=5)
    torch.save(source.model.state_dict(), tmp_path / "net.pt")
    model = {"name": f"{USER}:grey_model", "weights": tmp_path / "net.pt"}
    workload = _load(model, **data)
    assert workload.trained
    assert torch.equal(workload.model.state_dict()["3.bias"], source.model.state_dict()["3.bias"])


def test_pretrained_weights_are_torchvisions(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    data = {"name": f"{USER}:grey_data_with_reward"}

    def state(name: str) -> dict[str, torch.Tensor]:
        fetched.append(name)
        return {"nothing": torch.zeros(1)}

    monkeypatch.setattr("edgeprune.workloads.models.torchvision_models.pretrained_state", state)
    with pytest.raises(WorkloadError, match=r"pretrained squeezenet1_1 do not fit"):
        _load({"name": "squeezenet1_1", "weights": "pretrained"}, **data)
    assert fetched == ["squeezenet1_1"]
    with pytest.raises(WorkloadError, match="there are none for 'resnet20'"):
        _load({"name": "resnet20", "weights": "pretrained"}, **data)


def test_pretrained_weights_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        msg = "no route to host"
        raise OSError(msg)

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(WorkloadError, match=r"resnet18 cannot be fetched: no route.*give a file"):
        torchvision_models.pretrained_state("resnet18")


def test_auxiliary_heads_are_left_out_of_pretrained_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = {"conv1.weight": torch.zeros(1), "aux1.fc.weight": torch.zeros(1)}
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: state)
    assert list(torchvision_models.pretrained_state("googlenet")) == ["conv1.weight"]


def test_weights_without_unseen_images_are_refused(tmp_path: Path) -> None:
    source = _load({"name": "resnet20"})
    torch.save(source.model.state_dict(), tmp_path / "net.pt")
    with pytest.raises(WorkloadError, match=r"reward_list and workload\.data\.test_list missing"):
        _load({"name": "resnet20", "weights": tmp_path / "net.pt"})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"name": "resnet20", "num_classes": 7}, "7 outputs.*10 classes.*num_classes: 10"),
        ({"name": "squeezenet1_1"}, "1000 outputs.*10 classes"),
        ({"name": f"{USER}:gives_tuple"}, "forward gives a tuple.*Wrap the model"),
        ({"name": f"{USER}:gives_map"}, r"shape \(1, 10, 4, 4\).*allowed: \(1, 10\)"),
        ({"name": f"{USER}:gives_nan"}, "NaN or infinite"),
        ({"name": f"{USER}:cannot_forward"}, "forward fails on a 1x3x32x32 image: RuntimeError"),
    ],
)
def test_models_that_are_no_classifier_of_these_images(
    model: dict[str, object], message: str
) -> None:
    with pytest.raises(WorkloadError, match=message):
        _load(model)
