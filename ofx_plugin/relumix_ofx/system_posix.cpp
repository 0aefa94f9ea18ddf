// system.h for Linux and macOS.
#ifndef _WIN32

#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"
#include "wire.h"

extern char** environ;

namespace relumix::system {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMs = 50;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Hosts set these for themselves; another Python would load the host's libraries and modules by them.
bool is_the_hosts(const char* entry) {
  for (const char* prefix : {"LD_LIBRARY_PATH=", "LD_PRELOAD=", "DYLD_", "PYTHON", "VIRTUAL_ENV", "QT_", "QML"}) {
    if (std::strncmp(entry, prefix, std::strlen(prefix)) == 0) return true;
  }
  return false;
}

std::vector<char*> clean_environment() {
  std::vector<char*> kept;
  for (char** entry = environ; entry && *entry; ++entry) {
    if (!is_the_hosts(*entry)) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

// A file descriptor that is closed with this object, and by every exec.
struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

bool made_pipe(Descriptor& read_end, Descriptor& write_end) {
  int ends[2];
#ifdef __linux__
  if (pipe2(ends, O_CLOEXEC) != 0) return false;  // At once: another thread of the host may be starting something.
#else
  if (pipe(ends) != 0) return false;
  for (int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  read_end.number = ends[0], write_end.number = ends[1];
  return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

int spawn(const std::vector<std::string>& command, int error_output, pid_t& child) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, error_output, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (int signal : {SIGPIPE, SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  int error = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), clean_environment().data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

void collect(int from, std::string& text) {
  char bytes[1024];
  for (ssize_t count; text.size() < kMostHeadBytes && (count = read(from, bytes, sizeof bytes)) > 0;) {
    text.append(bytes, static_cast<size_t>(count));
  }
}

int connected(const sockaddr* address, socklen_t size, int family) {
#ifdef SOCK_CLOEXEC
  int handle = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (handle < 0) return -1;
#else
  int handle = socket(family, SOCK_STREAM, 0);
  if (handle < 0) return -1;
  fcntl(handle, F_SETFD, FD_CLOEXEC);
#endif
#ifdef SO_NOSIGPIPE
  int on = 1;
  setsockopt(handle, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  if (connect(handle, address, size) != 0 || fcntl(handle, F_SETFL, O_NONBLOCK) != 0) {
    close(handle);
    return -1;
  }
  return handle;
}

// Connects to the port that a bridge announced, with the token that it wants.
int connected_by_tcp(const std::string& announced, std::string& token) {
  size_t space = announced.find(' ');
  if (space == std::string::npos) return -1;
  token = announced.substr(space + 1, announced.find('\n') - space - 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(announced.c_str())));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connected(reinterpret_cast<sockaddr*>(&address), sizeof address, AF_INET);
}

// Waits until a socket can be read or written; throws where it takes too long.
void wait_for(int handle, short events, Clock::time_point since, double seconds, const Stop& stop) {
  for (;;) {
    pollfd waiting{handle, events, 0};
    if (poll(&waiting, 1, kPollMs) > 0) return;
    if (stop && stop()) throw Stopped();
    if (seconds_since(since) > seconds) throw BridgeError("the relumix bridge does not answer");
  }
}

}  // namespace

bool by_tcp() { return !variable("RELUMIX_BRIDGE_TCP").empty(); }

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string bridge_folder() {
  std::string folder = variable("RELUMIX_BRIDGE_DIR");
#ifdef __APPLE__
  if (folder.empty()) folder = variable("HOME") + "/Library/Caches/relumix";
#else
  if (folder.empty() && !variable("XDG_RUNTIME_DIR").empty()) folder = variable("XDG_RUNTIME_DIR") + "/relumix";
  if (folder.empty()) folder = "/tmp/relumix-" + std::to_string(getuid());
#endif
  struct stat found;
  bool ours = lstat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == getuid() &&
              (found.st_mode & 077) == 0;
  return ours ? folder : "";
}

std::string run(const std::vector<std::string>& command, double seconds, const Stop& stop) {
  Descriptor out, in;
  pid_t child = 0;
  if (!made_pipe(out, in)) return std::strerror(errno);
  if (int error = spawn(command, in.number, child)) return command[0] + ": " + std::strerror(error);
  close(in.number);
  in.number = -1;
  std::string said;
  auto start = Clock::now();
  for (;;) {
    pollfd waiting{out.number, POLLIN, 0};
    poll(&waiting, 1, kPollMs);
    collect(out.number, said);
    int status = 0;
    pid_t ended = waitpid(child, &status, WNOHANG);
    bool failed = ended == child && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (ended != 0) {  // Also where the host waits for all children, and took this one.
      collect(out.number, said);
      return failed ? (said.empty() ? command[0] + " failed and said nothing" : said) : "";
    }
    bool stopped = stop && stop();
    if (!stopped && seconds_since(start) <= seconds) {
      if (waiting.revents & POLLHUP) usleep(kPollMs * 200);
      continue;
    }
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    if (stopped) throw Stopped();
    return command[0] + " did not start within " + std::to_string(static_cast<int>(seconds)) + " seconds";
  }
}

Socket Socket::to_bridge(const std::string& folder, std::string& token) {
  token.clear();
  if (folder.empty()) return Socket();
  if (by_tcp()) return Socket(connected_by_tcp(contents(folder + "/bridge-1.port"), token));
  sockaddr_un address{};
  std::string path = folder + "/bridge-1.sock";
  if (path.size() >= sizeof address.sun_path) return Socket();
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  return Socket(connected(reinterpret_cast<sockaddr*>(&address), sizeof address, AF_UNIX));
}

Socket::~Socket() {
  if (is_open()) close(static_cast<int>(handle_));
}

bool Socket::is_over() const {
  pollfd waiting{static_cast<int>(handle_), POLLIN, 0};
  return poll(&waiting, 1, 0) != 0;  // Nothing is under way between two messages: what can be read is the end.
}

void Socket::send(const void* bytes, size_t count, double seconds, const Stop& stop) const {
#ifdef MSG_NOSIGNAL
  constexpr int flags = MSG_NOSIGNAL;
#else
  constexpr int flags = 0;
#endif
  const char* at = static_cast<const char*>(bytes);
  auto since = Clock::now();
  while (count > 0) {
    wait_for(static_cast<int>(handle_), POLLOUT, since, seconds, stop);
    ssize_t sent = ::send(static_cast<int>(handle_), at, count, flags);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent < 0) throw GoneError();
    at += sent, count -= static_cast<size_t>(sent);
    since = Clock::now();
  }
}

void Socket::receive(void* bytes, size_t count, double seconds, const Stop& stop) const {
  char* at = static_cast<char*>(bytes);
  auto since = Clock::now();
  while (count > 0) {
    wait_for(static_cast<int>(handle_), POLLIN, since, seconds, stop);
    ssize_t came = recv(static_cast<int>(handle_), at, count, 0);
    if (came < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (came <= 0) throw GoneError();
    at += came, count -= static_cast<size_t>(came);
    since = Clock::now();
  }
}

}  // namespace relumix::system

#endif
