#include "wire.h"

#include <cstdlib>
#include <cstring>

namespace relumix {

namespace {

constexpr char kMagic[] = {'R', 'L', 'X', 'B'};

void put(std::string& bytes, uint64_t value, int count) {
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> 8 * i & 0xFF);
}

uint64_t taken(const char* at, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) value |= uint64_t{static_cast<unsigned char>(at[i])} << 8 * i;
  return value;
}

// A value fits on one line; nothing that is sent needs more.
std::string one_line(std::string value) {
  for (char& each : value) {
    if (each == '\n' || each == '\r' || each == '\0') each = ' ';
  }
  return value;
}

}  // namespace

std::string Message::text(const char* name) const {
  auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

long Message::number(const char* name) const { return std::strtol(text(name).c_str(), nullptr, 10); }

std::string head_of(const std::string& kind, const std::map<std::string, std::string>& fields, uint64_t body_bytes) {
  std::string head = kind + "\n";
  for (const auto& [name, value] : fields) head += name + ": " + one_line(value) + "\n";
  if (head.size() > kMostHeadBytes) throw BridgeError("the parameters of this effect are too long to be sent");
  std::string bytes(kMagic, sizeof kMagic);
  put(bytes, head.size(), 4);
  put(bytes, body_bytes, 8);
  return bytes + head;
}

Lengths lengths_of(const char* preamble) {
  if (std::memcmp(preamble, kMagic, sizeof kMagic) != 0) throw BridgeError("what answers is no relumix bridge");
  Lengths lengths{static_cast<uint32_t>(taken(preamble + 4, 4)), taken(preamble + 8, 8)};
  if (lengths.head > kMostHeadBytes || lengths.body > kMostBodyBytes || lengths.body % sizeof(float)) {
    throw BridgeError("the bridge sent a message of an impossible length");
  }
  return lengths;
}

Message parsed(const std::string& head) {
  Message message;
  size_t at = head.find('\n');
  if (at == std::string::npos) throw BridgeError("the bridge sent a message without a kind");
  message.kind = head.substr(0, at++);
  for (size_t end; (end = head.find('\n', at)) != std::string::npos; at = end + 1) {
    size_t colon = head.find(": ", at);
    if (colon == std::string::npos || colon > end) throw BridgeError("the bridge sent a line that is no field");
    message.fields[head.substr(at, colon - at)] = head.substr(colon + 2, end - colon - 2);
  }
  return message;
}

}  // namespace relumix
