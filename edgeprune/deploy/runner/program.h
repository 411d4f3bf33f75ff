// A network as kernels that TVM compiled, called in a fixed order; the data is generated.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tvm/ffi/c_api.h>

// How TVM's kernels are called. Returns 0 unless it failed.
using Kernel = int (*)(void*, const TVMFFIAny*, std::int32_t, TVMFFIAny*);

// Where a tensor lies: in the weights, or in the memory that the tensors in between share.
struct TensorPlan {
  const std::int64_t* shape;
  std::int32_t rank;
  DLDataType dtype;
  bool weight;
  std::size_t offset;
};

struct Call {
  const char* name;
  Kernel kernel;
  const std::int32_t* tensors;  // what it reads, then what it writes
  std::int32_t count;
};

extern const TensorPlan kTensors[];
extern const std::size_t kTensorCount;
extern const Call kCalls[];
extern const std::size_t kCallCount;
extern const std::size_t kInputTensor;
extern const std::size_t kOutputTensor;
extern const std::size_t kMemoryBytes;
extern "C" const unsigned char edgeprune_weights[];
