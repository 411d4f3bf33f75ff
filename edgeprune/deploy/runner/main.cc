// Runs a network over a file of images and says how long it took.
//
//   run-NAME [--runs N] [--warmup N] [--expect FILE] INPUT OUTPUT
//
// INPUT holds images one after another as float32, as the network takes them (numpy: tofile);
// OUTPUT gets what the network gives for each. One line of JSON tells the latency. With outputs to
// be expected the exit status is 3 if any differs by more than 1e-4 of the largest (or of 1).
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "network.h"

namespace {

struct Arguments {
  long runs = 1;
  long warmup = 0;
  std::string expect;
  std::string input;
  std::string output;
};

[[noreturn]] void refuse(const std::string& message) {
  std::fprintf(stderr, "%s\nusage: run-NAME [--runs N] [--warmup N] [--expect FILE] INPUT OUTPUT\n",
               message.c_str());
  std::exit(2);
}

long count(const std::string& name, const char* text, long least) {
  char* end = nullptr;
  const long value = text == nullptr ? 0 : std::strtol(text, &end, 10);
  if (text == nullptr || *text == '\0' || *end != '\0' || value < least || value > 1000000) {
    refuse(name + " takes a whole number from " + std::to_string(least) + " to 1000000; got " +
           (text == nullptr ? "nothing" : text));
  }
  return value;
}

Arguments parse(int words, char** argv) {
  Arguments found;
  std::vector<std::string> files;
  for (int at = 1; at < words; ++at) {
    const std::string word = argv[at];
    if (word == "--runs") {
      found.runs = count(word, ++at < words ? argv[at] : nullptr, 1);
    } else if (word == "--warmup") {
      found.warmup = count(word, ++at < words ? argv[at] : nullptr, 0);
    } else if (word == "--expect" && at + 1 < words) {
      found.expect = argv[++at];
    } else if (word.size() > 1 && word[0] == '-') {
      refuse("unknown option " + word + "; allowed: --runs, --warmup, --expect FILE");
    } else {
      files.push_back(word);
    }
  }
  if (files.size() != 2) refuse("two files are needed, got " + std::to_string(files.size()));
  found.input = files[0];
  found.output = files[1];
  return found;
}

// The float32 values of a file: of one row of `values` or of several.
std::vector<float> rows_of(const std::string& path, std::size_t values) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) refuse(path + " cannot be read");
  const auto bytes = static_cast<std::size_t>(file.tellg());
  const std::size_t one = values * sizeof(float);
  if (bytes == 0 || bytes % one != 0) {
    refuse(path + " has " + std::to_string(bytes) + " bytes; this network has " +
           std::to_string(one) + " for each image (float32)");
  }
  std::vector<float> rows(bytes / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(rows.data()), static_cast<std::streamsize>(bytes));
  if (!file) refuse(path + " cannot be read");
  return rows;
}

struct Difference {
  double largest = 0.0;
  double allowed = 0.0;
};

Difference compare(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size()) {
    refuse(std::to_string(expected.size()) + " outputs are expected, and there are " +
           std::to_string(found.size()));
  }
  Difference result;
  double scale = 1.0;
  for (std::size_t one = 0; one < found.size(); ++one) {
    const double apart = std::fabs(static_cast<double>(found[one]) - expected[one]);
    // Not a number is as far apart as can be.
    result.largest = apart >= 0.0 ? std::max(result.largest, apart) : HUGE_VAL;
    scale = std::max(scale, std::fabs(static_cast<double>(expected[one])));
  }
  result.allowed = 1e-4 * scale;
  return result;
}

double percentile(std::vector<double> samples, double share) {
  std::sort(samples.begin(), samples.end());
  const double at = share * static_cast<double>(samples.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const auto above = static_cast<std::size_t>(std::ceil(at));
  return samples[below] + (at - std::floor(at)) * (samples[above] - samples[below]);
}

int work(const Arguments& given, const std::string& program) {
  const auto slash = program.find_last_of('/');
  network::open(slash == std::string::npos ? "." : program.substr(0, slash));
  const std::vector<float> images = rows_of(given.input, network::kInputValues);
  const std::size_t number = images.size() / network::kInputValues;
  std::vector<float> outputs(number * network::kOutputValues);
  for (long one = 0; one < given.warmup; ++one) network::run(images.data(), outputs.data());
  std::vector<double> samples_ms;
  for (long round = 0; round < given.runs; ++round) {
    for (std::size_t one = 0; one < number; ++one) {
      const auto start = std::chrono::steady_clock::now();
      network::run(&images[one * network::kInputValues], &outputs[one * network::kOutputValues]);
      const std::chrono::duration<double, std::milli> taken =
          std::chrono::steady_clock::now() - start;
      samples_ms.push_back(taken.count());
    }
  }
  std::ofstream file(given.output, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(outputs.data()),
             static_cast<std::streamsize>(outputs.size() * sizeof(float)));
  file.close();
  if (!file) refuse(given.output + " cannot be written");
  std::printf("{\"images\": %zu, \"runs\": %zu, \"median_ms\": %.6g, \"p90_ms\": %.6g", number,
              samples_ms.size(), percentile(samples_ms, 0.5), percentile(samples_ms, 0.9));
  bool equal = true;
  if (!given.expect.empty()) {
    const Difference apart = compare(outputs, rows_of(given.expect, network::kOutputValues));
    equal = apart.largest <= apart.allowed;
    std::printf(", \"max_abs_difference\": %.6g, \"tolerance\": %.6g",
                std::min(apart.largest, 1e300), apart.allowed);
  }
  std::printf("}\n");
  return equal ? 0 : 3;
}

}  // namespace

int main(int words, char** argv) {
  try {
    return work(parse(words, argv), argv[0]);
  } catch (const network::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
