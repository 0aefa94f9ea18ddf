#include "host.h"

namespace relumix {

Suites& suites() {
  static Suites found;  // No destructor to run when the host exits.
  return found;
}

namespace {

template <typename Suite>
const Suite* fetched(const OfxHost* host, const char* name, int version) {
  return static_cast<const Suite*>(host->fetchSuite(host->host, name, version));
}

}  // namespace

bool Suites::fetch() {
  if (!host || !host->fetchSuite) return false;
  properties = fetched<OfxPropertySuiteV1>(host, kOfxPropertySuite, 1);
  effects = fetched<OfxImageEffectSuiteV1>(host, kOfxImageEffectSuite, 1);
  parameters = fetched<OfxParameterSuiteV1>(host, kOfxParameterSuite, 1);
  progress2 = fetched<OfxProgressSuiteV2>(host, kOfxProgressSuite, 2);
  progress1 = fetched<OfxProgressSuiteV1>(host, kOfxProgressSuite, 1);
  messages = fetched<OfxMessageSuiteV2>(host, kOfxMessageSuite, 2);
  return properties && effects && parameters;
}

int Properties::integer(const char* name, int otherwise, int index) const {
  int value = otherwise;
  return handle_ && suites().properties->propGetInt(handle_, name, index, &value) == kOfxStatOK ? value : otherwise;
}

double Properties::number(const char* name, double otherwise, int index) const {
  double value = otherwise;
  return handle_ && suites().properties->propGetDouble(handle_, name, index, &value) == kOfxStatOK ? value : otherwise;
}

std::string Properties::text(const char* name, const char* otherwise, int index) const {
  char* value = nullptr;
  bool there = handle_ && suites().properties->propGetString(handle_, name, index, &value) == kOfxStatOK && value;
  return there ? value : otherwise;
}

void* Properties::pointer(const char* name) const {
  void* value = nullptr;
  return handle_ && suites().properties->propGetPointer(handle_, name, 0, &value) == kOfxStatOK ? value : nullptr;
}

void Properties::set(const char* name, int value, int index) const {
  if (handle_) suites().properties->propSetInt(handle_, name, index, value);
}

void Properties::set(const char* name, double value, int index) const {
  if (handle_) suites().properties->propSetDouble(handle_, name, index, value);
}

void Properties::set(const char* name, const char* value, int index) const {
  if (handle_) suites().properties->propSetString(handle_, name, index, value);
}

void Properties::set(const char* name, void* value) const {
  if (handle_) suites().properties->propSetPointer(handle_, name, 0, value);
}

Properties properties_of(OfxImageEffectHandle effect) {
  OfxPropertySetHandle handle = nullptr;
  suites().effects->getPropertySet(effect, &handle);
  return Properties(handle);
}

void show_message(OfxImageEffectHandle effect, const char* type, const std::string& sentence) {
  const auto* suite = suites().messages;
  if (suite && suite->setPersistentMessage) suite->setPersistentMessage(effect, type, "", "%s", sentence.c_str());
}

void clear_message(OfxImageEffectHandle effect) {
  const auto* suite = suites().messages;
  if (suite && suite->clearPersistentMessage) suite->clearPersistentMessage(effect);
}

Progress::Progress(OfxImageEffectHandle effect, const char* label) : effect_(effect) {
  const auto* second = suites().progress2;
  const auto* first = suites().progress1;
  if (second && second->progressStart) {
    started_ = second->progressStart(effect, label, "") == kOfxStatOK;
  } else if (first && first->progressStart) {
    started_ = first->progressStart(effect, label) == kOfxStatOK;
  }
}

Progress::~Progress() {
  if (!started_) return;
  const auto* second = suites().progress2;
  if (second && second->progressStart) {
    if (second->progressEnd) second->progressEnd(effect_);
  } else if (suites().progress1->progressEnd) {
    suites().progress1->progressEnd(effect_);
  }
}

bool Progress::update(double share) const {
  if (!started_) return true;
  const auto* second = suites().progress2;
  auto call = second && second->progressStart ? second->progressUpdate : suites().progress1->progressUpdate;
  return !call || call(effect_, share) != kOfxStatReplyNo;
}

}  // namespace relumix
