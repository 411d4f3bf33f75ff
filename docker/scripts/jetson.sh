#!/bin/sh
# Installs NVIDIA's wheel of ONNX Runtime, which is in no public index; TensorRT is the base's.
set -eu
set -- "${WHEELS:-/wheels}"/onnxruntime_gpu-*linux*aarch64.whl
[ $# = 1 ] && [ -f "$1" ] || {
    echo "jetson.sh: put one onnxruntime_gpu wheel, for your JetPack, into docker/wheels" >&2
    exit 2
}
python3 -m pip install --quiet --no-cache-dir "$1"
