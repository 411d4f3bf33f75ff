// A network of one input and one output, whatever runs it; float32 in rows of one image each.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace network {

// What goes wrong with a network; the message is for the user.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Values of one input and of one output.
extern const std::size_t kInputValues;
extern const std::size_t kOutputValues;

// Makes it ready. `folder` is where the program lies, for files beside it.
void open(const std::string& folder);

// One inference, on one thread.
void run(const float* input, float* output);

}  // namespace network
