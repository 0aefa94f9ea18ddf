// The host as the plugin sees it: its suites, and properties read and written without ever failing.
#pragma once

#include <string>

#include "ofx_api.h"

namespace relumix {

struct Suites {
  const OfxHost* host = nullptr;
  const OfxPropertySuiteV1* properties = nullptr;
  const OfxImageEffectSuiteV1* effects = nullptr;
  const OfxParameterSuiteV1* parameters = nullptr;
  const OfxProgressSuiteV2* progress2 = nullptr;  // Optional, as the two below; single functions may be missing too.
  const OfxProgressSuiteV1* progress1 = nullptr;
  const OfxMessageSuiteV2* messages = nullptr;

  // Fetches them from the host; false where one that is needed is not there.
  bool fetch();
};

Suites& suites();

// A set of properties. What is not there reads as the given default, and writing it does nothing.
class Properties {
 public:
  explicit Properties(OfxPropertySetHandle handle) : handle_(handle) {}

  explicit operator bool() const { return handle_ != nullptr; }
  OfxPropertySetHandle handle() const { return handle_; }

  int integer(const char* name, int otherwise, int index = 0) const;
  double number(const char* name, double otherwise, int index = 0) const;
  std::string text(const char* name, const char* otherwise = "", int index = 0) const;
  void* pointer(const char* name) const;

  void set(const char* name, int value, int index = 0) const;
  void set(const char* name, double value, int index = 0) const;
  void set(const char* name, const char* value, int index = 0) const;
  void set(const char* name, void* value) const;

 private:
  OfxPropertySetHandle handle_;
};

// Properties of an effect or an instance of it.
Properties properties_of(OfxImageEffectHandle effect);

// Shows a sentence on the effect until `clear_message`, where the host can. `type` is one of kOfxMessage….
void show_message(OfxImageEffectHandle effect, const char* type, const std::string& sentence);
void clear_message(OfxImageEffectHandle effect);

// The host's progress bar with its Cancel button, there as long as this object; nothing where the host has none.
class Progress {
 public:
  Progress(OfxImageEffectHandle effect, const char* label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows how much is done, in 0 to 1; false where the user wants it to stop.
  bool update(double share) const;

 private:
  OfxImageEffectHandle effect_;
  bool started_ = false;
};

}  // namespace relumix
