// ONNX Runtime's C interface, as far as the runner uses it. The library that comes in the wheels
// has no header; its functions are the entries of one table, whose first 102 are fixed for ever
// (version 1 of the interface). Here are the positions of those that are called, and their types.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ort {

struct Status;
struct Environment;
struct SessionOptions;
struct Session;
struct MemoryInfo;
struct Value;

using Table = const void* const*;

struct Base {
  Table (*table)(std::uint32_t version);
  const char* (*version)();
};

extern "C" const Base* OrtGetApiBase();

enum Position : std::size_t {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSession = 7,
  kRun = 9,
  kCreateSessionOptions = 10,
  kSetIntraOpNumThreads = 24,
  kCreateTensorWithData = 49,
  kGetTensorMutableData = 51,
  kCreateCpuMemoryInfo = 69,
  kReleaseValue = 96,
};

constexpr int kFloat = 1;        // element type
constexpr int kWarning = 2;      // logging level
constexpr int kDeviceMemory = 0; // kind of allocator
constexpr int kDefaultMemory = 0;

using GetErrorMessage = const char* (*)(const Status*);
using CreateEnv = Status* (*)(int, const char*, Environment**);
using CreateSession = Status* (*)(const Environment*, const char*, const SessionOptions*,
                                  Session**);
using Run = Status* (*)(Session*, const void*, const char* const*, const Value* const*, std::size_t,
                        const char* const*, std::size_t, Value**);
using CreateSessionOptions = Status* (*)(SessionOptions**);
using SetIntraOpNumThreads = Status* (*)(SessionOptions*, int);
using CreateTensorWithData = Status* (*)(const MemoryInfo*, void*, std::size_t, const std::int64_t*,
                                         std::size_t, int, Value**);
using GetTensorMutableData = Status* (*)(Value*, void**);
using CreateCpuMemoryInfo = Status* (*)(int, int, MemoryInfo**);
using ReleaseValue = void (*)(Value*);

}  // namespace ort
