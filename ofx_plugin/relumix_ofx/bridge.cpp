#include "bridge.h"

#include <cstdlib>
#include <mutex>

namespace relumix {

namespace {

constexpr double kStartSeconds = 90;
constexpr size_t kMostKept = 4;

// How long the bridge may say nothing. It answers within a second, whatever it is doing.
double patience_seconds() {
  static const double seconds = [] {
    double given = std::atof(system::variable("RELUMIX_BRIDGE_PATIENCE").c_str());
    return given > 0 ? given : 60.0;
  }();
  return seconds;
}

struct Kept {
  std::mutex mutex;
  std::vector<Connection> idle;
};

Kept& kept() {
  static Kept* connections = new Kept;  // Never destroyed: the host may exit while a thread of its own still renders.
  return *connections;
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  size_t start = text.find_last_of('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> found;
  std::string line;
  for (char each : text + "\n") {
    if (each != '\n' && each != '\r') {
      line += each;
    } else if (!line.empty()) {
      found.push_back(std::move(line));
      line.clear();
    }
  }
  return found;
}

}  // namespace

Connection Connection::open(const std::vector<std::string>& command, const Stop& stop) {
  std::string token;
  system::Socket running = system::Socket::to_bridge(system::bridge_folder(), token);
  if (running.is_open()) {
    try {
      Connection connection(std::move(running));
      connection.greet(token, stop);
      return connection;
    } catch (const GoneError&) {  // It was just ending.
    }
  }
  std::vector<std::string> line = command;
  line.insert(line.end(), {"bridge", "--background"});
  if (system::by_tcp()) line.push_back("--tcp");
  std::string said = system::run(line, kStartSeconds, stop);
  if (!said.empty()) throw BridgeError("the relumix bridge cannot be started: " + last_line(said));
  Connection connection(system::Socket::to_bridge(system::bridge_folder(), token));
  if (!connection.socket_.is_open()) {
    throw BridgeError("the relumix bridge cannot be reached in '" + system::bridge_folder() + "'");
  }
  connection.greet(token, stop);
  return connection;
}

void Connection::greet(const std::string& token, const Stop& stop) {
  Fields fields{{"version", std::to_string(kProtocolVersion)}};
  if (!token.empty()) fields["token"] = token;
  Message answer = ask("hello", fields, {}, stop);
  if (answer.kind == "error") throw BridgeError(answer.text("text"));
  if (answer.kind != "welcome") throw BridgeError("the relumix bridge did not say welcome");
}

Message Connection::ask(const std::string& kind, const Fields& fields, const std::vector<float>& body,
                        const Stop& stop) {
  size_t body_bytes = body.size() * sizeof(float);
  std::string head = head_of(kind, fields, body_bytes);
  socket_.send(head.data(), head.size(), patience_seconds(), stop);
  socket_.send(body.data(), body_bytes, patience_seconds(), stop);
  char preamble[kPreambleBytes];
  socket_.receive(preamble, sizeof preamble, patience_seconds(), stop);
  Lengths lengths = lengths_of(preamble);
  std::string text(lengths.head, '\0');
  socket_.receive(text.data(), text.size(), patience_seconds(), stop);
  Message answer = parsed(text);
  answer.body.resize(lengths.body / sizeof(float));
  socket_.receive(answer.body.data(), lengths.body, patience_seconds(), stop);
  return answer;
}

Connection take_connection(const std::vector<std::string>& command, const Stop& stop) {
  {
    std::lock_guard<std::mutex> lock(kept().mutex);
    auto& idle = kept().idle;
    while (!idle.empty()) {
      Connection last = std::move(idle.back());
      idle.pop_back();
      if (!last.is_over()) return last;
    }
  }
  return Connection::open(command, stop);
}

void keep_connection(Connection connection) {
  std::lock_guard<std::mutex> lock(kept().mutex);
  if (kept().idle.size() < kMostKept) kept().idle.push_back(std::move(connection));
}

void close_connections() {
  std::lock_guard<std::mutex> lock(kept().mutex);
  kept().idle.clear();
  kept().idle.shrink_to_fit();
}

std::vector<std::string> relumix_command(const std::string& given, const std::string& bundle) {
  if (!given.empty()) return {given};
  std::string variable = system::variable("RELUMIX_COMMAND");
  if (!variable.empty()) return {variable};
  std::vector<std::string> installed = lines(system::contents(bundle + "/Contents/Resources/relumix-command.txt"));
  return installed.empty() ? std::vector<std::string>{"relumix"} : installed;
}

}  // namespace relumix
