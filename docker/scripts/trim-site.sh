#!/bin/sh
# Removes what a device never loads: TVM's compiler and sources, tests, headers, tools.
#
#   trim-site.sh FOLDER
set -eu
cd "$1"
rm -rf tvm/lib/libtvm_compiler.so tvm/lib/libtvm_runtime_cuda.so tvm/lib/libtvm_runtime_extra.so \
    tvm/3rdparty tvm/src tvm/include tvm/web tvm/cmake tvm_ffi/include tvm_ffi/src \
    tvm_ffi/3rdparty tvm_ffi/share tvm_ffi/cython \
    onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
    onnxruntime/ThirdPartyNotices.txt numpy/f2py numpy/distutils bin
# The Python package has its own copy of the runtime in the extension module.
rm -f onnxruntime/capi/libonnxruntime.so.*
find . -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.a' -o -name '*.h' -o -name '*.hpp' \) -delete
