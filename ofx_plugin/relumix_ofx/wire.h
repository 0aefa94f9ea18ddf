// Messages between plugin and bridge: their bytes. docs/bridge.md describes them.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace relumix {

constexpr int kProtocolVersion = 1;
constexpr size_t kPreambleBytes = 16;
constexpr uint32_t kMostHeadBytes = 64 << 10;
constexpr uint64_t kMostBodyBytes = uint64_t{2} << 30;

// The bridge could not be reached, said something that is none of the protocol, or went away. The text is one sentence.
struct BridgeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// It hung up.
struct GoneError : BridgeError {
  GoneError() : BridgeError("the relumix bridge has gone") {}
};

// A kind, named texts, and floats: pixels, rows from the top.
struct Message {
  std::string kind;
  std::map<std::string, std::string> fields;
  std::vector<float> body;

  std::string text(const char* name) const;
  long number(const char* name) const;  // 0 where it is not there.
};

// Preamble and head of a message whose body follows them.
std::string head_of(const std::string& kind, const std::map<std::string, std::string>& fields, uint64_t body_bytes);

struct Lengths {
  uint32_t head;
  uint64_t body;
};

// Lengths in a preamble of kPreambleBytes. Throws BridgeError for what is none.
Lengths lengths_of(const char* preamble);

// A message without its body. Throws BridgeError.
Message parsed(const std::string& head);

}  // namespace relumix
