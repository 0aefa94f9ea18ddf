// Finds or starts the bridge, and sends it one request after the other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "system.h"
#include "wire.h"

namespace relumix {

using Fields = std::map<std::string, std::string>;
using system::Stop;

// One connection. Closing it cancels what the bridge does for it.
class Connection {
 public:
  // Throws BridgeError, Stopped.
  static Connection open(const std::vector<std::string>& command, const Stop& stop);

  // Sends a message and returns the answer. Throws BridgeError, Stopped; the connection is of no more use then.
  Message ask(const std::string& kind, const Fields& fields, const std::vector<float>& body, const Stop& stop);

  bool is_over() const { return socket_.is_over(); }

 private:
  explicit Connection(system::Socket socket) : socket_(std::move(socket)) {}
  void greet(const std::string& token, const Stop& stop);

  system::Socket socket_;
};

// Connections between two uses. They are kept open, so that the bridge knows that this host is there.
Connection take_connection(const std::vector<std::string>& command, const Stop& stop);
void keep_connection(Connection connection);
void close_connections();

// The command that starts `relumix`: as given, or from RELUMIX_COMMAND, or as the bundle at this path was installed
// with, or the one on PATH.
std::vector<std::string> relumix_command(const std::string& given, const std::string& bundle);

}  // namespace relumix
