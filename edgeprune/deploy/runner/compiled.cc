// Calls a network's kernels one after another. The functions at the end are what kernels compiled
// by TVM expect of a runtime; no library of TVM is needed.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "network.h"
#include "program.h"

namespace {

constexpr std::size_t kAlignment = 64;  // as TVM's kernels check

std::string raised;  // what a kernel refused
unsigned char* memory = nullptr;
std::vector<DLTensor> tensors;
std::vector<std::vector<TVMFFIAny>> arguments;

void* aligned(std::size_t bytes) {
  void* found = nullptr;
  return posix_memalign(&found, kAlignment, bytes == 0 ? kAlignment : bytes) == 0 ? found : nullptr;
}

DLTensor view(const TensorPlan& plan) {
  DLTensor tensor{};
  const unsigned char* start = plan.weight ? edgeprune_weights : memory;
  tensor.data = const_cast<unsigned char*>(start) + plan.offset;
  tensor.device = DLDevice{kDLCPU, 0};
  tensor.ndim = plan.rank;
  tensor.dtype = plan.dtype;
  tensor.shape = const_cast<std::int64_t*>(plan.shape);
  return tensor;  // no strides: compact, in C order
}

}  // namespace

namespace network {

void open(const std::string&) {
  memory = static_cast<unsigned char*>(aligned(kMemoryBytes));
  if (memory == nullptr) throw Error("no memory for " + std::to_string(kMemoryBytes) + " bytes");
  for (std::size_t one = 0; one < kTensorCount; ++one) tensors.push_back(view(kTensors[one]));
  for (std::size_t one = 0; one < kCallCount; ++one) {
    std::vector<TVMFFIAny> given;
    for (std::int32_t at = 0; at < kCalls[one].count; ++at) {
      TVMFFIAny value{};
      value.type_index = kTVMFFIDLTensorPtr;
      value.v_ptr = &tensors[static_cast<std::size_t>(kCalls[one].tensors[at])];
      given.push_back(value);
    }
    arguments.push_back(given);
  }
}

void run(const float* input, float* output) {
  std::memcpy(tensors[kInputTensor].data, input, kInputValues * sizeof(float));
  for (std::size_t one = 0; one < kCallCount; ++one) {
    const Call& call = kCalls[one];
    TVMFFIAny result{};
    if (call.kernel(nullptr, arguments[one].data(), call.count, &result) != 0) {
      throw Error("kernel " + std::string(call.name) + " failed: " + raised);
    }
  }
  std::memcpy(output, tensors[kOutputTensor].data, kOutputValues * sizeof(float));
}

}  // namespace network

extern "C" {

struct TVMParallelGroupEnv {
  void* sync_handle;
  std::int32_t num_task;
};
using FTVMParallelLambda = int (*)(int, TVMParallelGroupEnv*, void*);

void* TVMBackendAllocWorkspace(int, int, std::uint64_t bytes, int, int) {
  return aligned(static_cast<std::size_t>(bytes));
}

int TVMBackendFreeWorkspace(int, int, void* memory_of_kernel) {
  std::free(memory_of_kernel);
  return 0;
}

// One thread: a kernel that leaves the number of tasks open gets one.
int TVMBackendParallelLaunch(FTVMParallelLambda task, void* closure, int tasks) {
  TVMParallelGroupEnv group{nullptr, tasks == 0 ? 1 : tasks};
  for (int one = 0; one < group.num_task; ++one) {
    if (task(one, &group, closure) != 0) return -1;
  }
  return 0;
}

int TVMBackendParallelBarrier(int, TVMParallelGroupEnv* group) {
  if (group->num_task == 1) return 0;
  raised = "tasks that wait for one another need a runtime with threads";
  return -1;
}

void TVMFFIErrorSetRaisedFromCStr(const char* kind, const char* message) {
  raised = std::string(kind) + ": " + message;
}

void TVMFFIErrorSetRaisedFromCStrParts(const char* kind, const char** parts, std::int32_t count) {
  raised = std::string(kind) + ": ";
  for (std::int32_t one = 0; one < count; ++one) {
    if (parts[one] != nullptr) raised += parts[one];
  }
}

// Kernels would register themselves here to be found by name; the calls name them directly.
int TVMFFIEnvModRegisterSystemLibSymbol(const char*, void*) { return 0; }

}  // extern "C"
