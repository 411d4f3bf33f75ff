// Runs model.onnx, which lies beside the program's folder, in ONNX Runtime.
#include <cstdlib>
#include <cstring>
#include <string>

#include "network.h"
#include "onnx_model.h"
#include "onnx_runtime_interface.h"

namespace {

ort::Table table = nullptr;
ort::Session* session = nullptr;
ort::MemoryInfo* memory = nullptr;

template <typename Function>
Function function(ort::Position position) {
  Function found;
  static_assert(sizeof(found) == sizeof(table[position]), "a function is a pointer");
  std::memcpy(&found, &table[position], sizeof(found));
  return found;
}

void check(ort::Status* status) {
  if (status == nullptr) return;
  throw network::Error(std::string("ONNX Runtime: ") +
                       function<ort::GetErrorMessage>(ort::kGetErrorMessage)(status));
}

}  // namespace

namespace network {

const std::size_t kInputValues = model::kInputValues;
const std::size_t kOutputValues = model::kOutputValues;

void open(const std::string& folder) {
  setenv("ORT_DISABLE_TELEMETRY", "1", 0);  // it looks a telemetry host up otherwise
  table = ort::OrtGetApiBase()->table(1);
  if (table == nullptr) throw Error("this ONNX Runtime has no version 1 of its C interface");
  ort::Environment* environment = nullptr;
  ort::SessionOptions* options = nullptr;
  check(function<ort::CreateEnv>(ort::kCreateEnv)(ort::kWarning, "edgeprune", &environment));
  check(function<ort::CreateSessionOptions>(ort::kCreateSessionOptions)(&options));
  check(function<ort::SetIntraOpNumThreads>(ort::kSetIntraOpNumThreads)(options, 1));
  const std::string path = folder + "/../" + model::kFile;
  check(function<ort::CreateSession>(ort::kCreateSession)(environment, path.c_str(), options,
                                                          &session));
  check(function<ort::CreateCpuMemoryInfo>(ort::kCreateCpuMemoryInfo)(
      ort::kDeviceMemory, ort::kDefaultMemory, &memory));
}

void run(const float* input, float* output) {
  ort::Value* given = nullptr;
  ort::Value* found = nullptr;
  void* values = nullptr;
  check(function<ort::CreateTensorWithData>(ort::kCreateTensorWithData)(
      memory, const_cast<float*>(input), kInputValues * sizeof(float), model::kShape, model::kRank,
      ort::kFloat, &given));
  check(function<ort::Run>(ort::kRun)(session, nullptr, &model::kInput, &given, 1, &model::kOutput,
                                      1, &found));
  check(function<ort::GetTensorMutableData>(ort::kGetTensorMutableData)(found, &values));
  std::memcpy(output, values, kOutputValues * sizeof(float));
  function<ort::ReleaseValue>(ort::kReleaseValue)(found);
  function<ort::ReleaseValue>(ort::kReleaseValue)(given);
}

}  // namespace network
