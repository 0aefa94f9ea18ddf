// What is the same for every system.
#include "system.h"

#include <cstdint>
#include <cstdio>
#include <random>
#include <utility>

namespace relumix::system {

Socket::Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, kNone)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

std::string random_id() {
  std::random_device source;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%08x%08x", static_cast<unsigned>(source()), static_cast<unsigned>(source()));
  return digits;
}

}  // namespace relumix::system
