// What differs between operating systems: files, processes and sockets, in the few ways that are needed here.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace relumix::system {

// Asked while something is waited for, some twenty times a second: whether to stop waiting.
using Stop = std::function<bool()>;

// An environment variable; empty where it is not set.
std::string variable(const char* name);

// All of a small file, or nothing where it cannot be read.
std::string contents(const std::string& path);

// The folder of this user's bridge (relumix/bridge/folders.py has the same rule). Empty where it is not there yet, or
// other users could have made it or can write to it.
std::string bridge_folder();

// Whether the bridge is asked for over TCP on the loopback, with a token, and not over a socket in its folder: always
// on Windows, elsewhere where RELUMIX_BRIDGE_TCP is set.
bool by_tcp();

// Runs a program to its end, with nothing of the host's in its environment that would change what it loads. Returns
// what it wrote to stderr where it failed or could not be started, or an empty text.
std::string run(const std::vector<std::string>& command, double seconds, const Stop& stop);

// A socket to the bridge. All calls throw BridgeError; Stopped where `stop` says so.
struct Stopped {};

class Socket {
 public:
  Socket() = default;
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  // Connects to the bridge of a folder; a socket that is not `open` where there is none. `token` is what it then wants
  // to be told first, empty where it wants none.
  static Socket to_bridge(const std::string& folder, std::string& token);

  bool is_open() const { return handle_ != kNone; }
  // Whether the other side has hung up, as far as is known.
  bool is_over() const;
  // Each takes no longer than `seconds` without a byte going through.
  void send(const void* bytes, size_t count, double seconds, const Stop& stop) const;
  void receive(void* bytes, size_t count, double seconds, const Stop& stop) const;

 private:
  static constexpr long long kNone = -1;
  explicit Socket(long long handle) : handle_(handle) {}

  long long handle_ = kNone;
};

// Random hexadecimal digits, 16 of them.
std::string random_id();

}  // namespace relumix::system
