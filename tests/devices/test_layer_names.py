import onnx
import pytest

from edgeprune.devices.layer_names import layer_times
from edgeprune.testing.devices import small_net


@pytest.mark.parametrize(
    ("kernel", "operator", "name"),
    [
        ("/conv2/Conv", "FusedConv", "/conv2/Conv"),
        # Channels in blocks: named after the tensor at the end of the fused chain.
        ("/Relu_output_0_nchwc", "Conv", "/conv1/Conv"),
        ("/bn2/BatchNormalization_output_0_nchwc", "Conv", "/conv2/Conv"),
        # The sum of two branches is fused into the convolution next to it.
        ("/Add_output_0_nchwc", "Conv", "/conv3/Conv"),
        ("/GlobalAveragePool_output_0_nchwc", "GlobalAveragePool", "/GlobalAveragePool"),
        ("/linear/Gemm/MatMulAddFusion", "Gemm", "/linear/Gemm"),
        # Of an int8 file: the node's name, with the runtime's count of what it has laid out anew.
        ("/conv1/Conv_token_4", "QLinearConv", "/conv1/Conv"),
        ("/linear/Gemm_token_12", "QGemm", "/linear/Gemm"),
        # An activation taken into a layer.
        ("fused /linear/Gemm", "FusedGemm", "/linear/Gemm"),
        # Put in by the runtime: no node of the file.
        ("ReorderOutput_token_3", "ReorderOutput", "ReorderOutput_token_3"),
    ],
)
def test_kernels_go_back_to_their_layer(kernel: str, operator: str, name: str):
    assert [layer.name for layer in layer_times(small_net(8), [(kernel, operator, [1])])] == [name]


def test_nodes_without_a_name_go_by_their_output():
    model = onnx.load_model_from_string(small_net(8))
    for node in model.graph.node:
        node.name = ""
    kernels = [("/Relu_output_0_nchwc", "Conv", [1])]
    layers = layer_times(model.SerializeToString(), kernels)
    assert layers[0].name == "/conv1/Conv_output_0"


def test_kernels_of_one_layer_add_up():
    kernels = [("/linear/Gemm", "Gemm", [2000] * 10), ("/linear/Gemm/Bias", "Add", [1000] * 10)]
    layers = layer_times(small_net(8), kernels)
    assert [(layer.name, layer.op, layer.ms) for layer in layers] == [("/linear/Gemm", "Gemm", 3.0)]


def test_one_interrupted_run_does_not_move_the_mean():
    layers = layer_times(small_net(8), [("/conv1/Conv", "Conv", [10] * 19 + [9000])])
    assert layers[0].ms == pytest.approx(0.01)
