// system.h for Windows, where the bridge listens on the loopback and is told a token.
#ifdef _WIN32

#define NOMINMAX
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cwchar>

#include "system.h"
#include "wire.h"

namespace relumix::system {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMs = 50;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::wstring wide(const std::string& text) {
  int size = MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0);
  std::wstring result(static_cast<size_t>(size), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), size);
  return result;
}

std::string narrow(const std::wstring& text) {
  int size = WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), nullptr, 0, nullptr, nullptr);
  std::string result(static_cast<size_t>(size), '\0');
  WideCharToMultiByte(CP_UTF8, 0, text.data(), static_cast<int>(text.size()), result.data(), size, nullptr, nullptr);
  return result;
}

struct Handle {
  HANDLE value = nullptr;
  ~Handle() { reset(); }
  void reset() {
    if (value && value != INVALID_HANDLE_VALUE) CloseHandle(value);
    value = nullptr;
  }
};

// An argument as CommandLineToArgvW reads it back.
std::wstring quoted(const std::wstring& argument) {
  std::wstring result = L"\"";
  size_t backslashes = 0;
  for (wchar_t each : argument) {
    if (each == L'"') result.append(backslashes + 1, L'\\');
    backslashes = each == L'\\' ? backslashes + 1 : 0;
    result += each;
  }
  return result.append(backslashes, L'\\') + L"\"";
}

bool is_the_hosts(const wchar_t* entry) {
  for (const wchar_t* prefix : {L"PYTHON", L"VIRTUAL_ENV", L"QT_", L"QML"}) {
    if (_wcsnicmp(entry, prefix, std::wcslen(prefix)) == 0) return true;
  }
  return false;
}

// The host's environment without what would change what another Python loads.
std::wstring clean_environment() {
  std::wstring kept;
  wchar_t* all = GetEnvironmentStringsW();
  for (const wchar_t* entry = all; entry && *entry; entry += std::wcslen(entry) + 1) {
    if (!is_the_hosts(entry)) kept.append(entry, std::wcslen(entry) + 1);
  }
  if (all) FreeEnvironmentStringsW(all);
  return kept + L'\0';
}

// Starts a program that inherits one handle and nothing else of the host's.
bool started(const std::vector<std::string>& command, HANDLE error_output, Handle& process) {
  std::wstring line;
  for (const std::string& argument : command) line += (line.empty() ? L"" : L" ") + quoted(wide(argument));
  SIZE_T size = 0;
  InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
  std::vector<char> room(size);
  auto* attributes = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(room.data());
  if (!InitializeProcThreadAttributeList(attributes, 1, 0, &size)) return false;
  UpdateProcThreadAttribute(attributes, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &error_output, sizeof error_output,
                            nullptr, nullptr);
  STARTUPINFOEXW startup{};
  startup.StartupInfo.cb = sizeof startup;
  startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  startup.StartupInfo.hStdError = error_output;
  startup.lpAttributeList = attributes;
  PROCESS_INFORMATION made{};
  std::wstring environment = clean_environment();
  BOOL done = CreateProcessW(nullptr, line.data(), nullptr, nullptr, TRUE,
                             CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT,
                             environment.data(), nullptr, &startup.StartupInfo, &made);
  DeleteProcThreadAttributeList(attributes);
  if (!done) return false;
  CloseHandle(made.hThread);
  process.value = made.hProcess;
  return true;
}

void collect(HANDLE from, std::string& text) {
  char bytes[1024];
  DWORD there = 0, count = 0;
  while (text.size() < kMostHeadBytes && PeekNamedPipe(from, nullptr, 0, nullptr, &there, nullptr) && there > 0 &&
         ReadFile(from, bytes, sizeof bytes, &count, nullptr) && count > 0) {
    text.append(bytes, count);
  }
}

void start_sockets() {
  static const int started = [] {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data);
  }();
  (void)started;
}

void wait_for(SOCKET handle, short events, Clock::time_point since, double seconds, const Stop& stop) {
  for (;;) {
    WSAPOLLFD waiting{handle, events, 0};
    if (WSAPoll(&waiting, 1, kPollMs) > 0) return;
    if (stop && stop()) throw Stopped();
    if (seconds_since(since) > seconds) throw BridgeError("the relumix bridge does not answer");
  }
}

// One call takes an int's worth of bytes.
int piece(size_t count) { return static_cast<int>(count < (1u << 30) ? count : 1u << 30); }

}  // namespace

bool by_tcp() { return true; }

std::string variable(const char* name) {
  const wchar_t* value = _wgetenv(wide(name).c_str());
  return value ? narrow(value) : "";
}

std::string contents(const std::string& path) {
  std::string text;
  FILE* file = _wfopen(wide(path).c_str(), L"rb");
  if (!file) return text;
  char bytes[4096];
  for (size_t count; (count = std::fread(bytes, 1, sizeof bytes, file)) > 0;) text.append(bytes, count);
  std::fclose(file);
  return text;
}

std::string bridge_folder() {
  std::string folder = variable("RELUMIX_BRIDGE_DIR");
  return folder.empty() ? variable("LOCALAPPDATA") + "\\relumix\\bridge" : folder;  // Of this user alone by default.
}

std::string run(const std::vector<std::string>& command, double seconds, const Stop& stop) {
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  Handle out, in, process;
  if (!CreatePipe(&out.value, &in.value, &inherited, 0)) return "no pipe could be made";
  SetHandleInformation(out.value, HANDLE_FLAG_INHERIT, 0);
  if (!started(command, in.value, process)) return command[0] + ": it could not be started";
  in.reset();
  std::string said;
  auto start = Clock::now();
  for (;;) {
    bool ended = WaitForSingleObject(process.value, kPollMs) == WAIT_OBJECT_0;
    collect(out.value, said);
    if (ended) {
      DWORD code = 1;
      GetExitCodeProcess(process.value, &code);
      return code == 0 ? "" : (said.empty() ? command[0] + " failed and said nothing" : said);
    }
    bool stopped = stop && stop();
    if (!stopped && seconds_since(start) <= seconds) continue;
    TerminateProcess(process.value, 1);
    if (stopped) throw Stopped();
    return command[0] + " did not start within " + std::to_string(static_cast<int>(seconds)) + " seconds";
  }
}

Socket Socket::to_bridge(const std::string& folder, std::string& token) {
  token.clear();
  std::string announced = contents(folder + "\\bridge-1.port");
  size_t space = announced.find(' ');
  if (space == std::string::npos) return Socket();
  token = announced.substr(space + 1, announced.find_first_of("\r\n") - space - 1);
  start_sockets();
  SOCKET handle = socket(AF_INET, SOCK_STREAM, 0);
  if (handle == INVALID_SOCKET) return Socket();
  SetHandleInformation(reinterpret_cast<HANDLE>(handle), HANDLE_FLAG_INHERIT, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<u_short>(std::atoi(announced.c_str())));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  u_long on = 1;
  if (connect(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ioctlsocket(handle, FIONBIO, &on) != 0) {
    closesocket(handle);
    return Socket();
  }
  return Socket(static_cast<long long>(handle));
}

Socket::~Socket() {
  if (is_open()) closesocket(static_cast<SOCKET>(handle_));
}

bool Socket::is_over() const {
  WSAPOLLFD waiting{static_cast<SOCKET>(handle_), POLLRDNORM, 0};
  return WSAPoll(&waiting, 1, 0) != 0;  // Nothing is under way between two messages: what can be read is the end.
}

void Socket::send(const void* bytes, size_t count, double seconds, const Stop& stop) const {
  const char* at = static_cast<const char*>(bytes);
  auto since = Clock::now();
  while (count > 0) {
    wait_for(static_cast<SOCKET>(handle_), POLLWRNORM, since, seconds, stop);
    int sent = ::send(static_cast<SOCKET>(handle_), at, piece(count), 0);
    if (sent < 0 && WSAGetLastError() == WSAEWOULDBLOCK) continue;
    if (sent < 0) throw GoneError();
    at += sent, count -= static_cast<size_t>(sent);
    since = Clock::now();
  }
}

void Socket::receive(void* bytes, size_t count, double seconds, const Stop& stop) const {
  char* at = static_cast<char*>(bytes);
  auto since = Clock::now();
  while (count > 0) {
    wait_for(static_cast<SOCKET>(handle_), POLLRDNORM, since, seconds, stop);
    int came = recv(static_cast<SOCKET>(handle_), at, piece(count), 0);
    if (came < 0 && WSAGetLastError() == WSAEWOULDBLOCK) continue;
    if (came <= 0) throw GoneError();
    at += came, count -= static_cast<size_t>(came);
    since = Clock::now();
  }
}

}  // namespace relumix::system

#endif
