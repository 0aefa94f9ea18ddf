#include "properties.h"

#include <algorithm>
#include <mutex>

namespace strict {

namespace {

std::mutex offences_mutex;
std::vector<std::string> found_offences;

// Type (i, d, s, p) and most values (0: any number) of every property that a plugin may write, by kind of set.
struct Known {
  char type;
  int most;
};
using KnownSet = std::map<std::string, Known>;

const KnownSet labels = {{kOfxPropLabel, {'s', 1}}, {kOfxPropShortLabel, {'s', 1}}, {kOfxPropLongLabel, {'s', 1}}};

KnownSet with_labels(KnownSet set) {
  set.insert(labels.begin(), labels.end());
  return set;
}

const std::map<std::string, KnownSet> known = {
    {"effect descriptor",
     with_labels({{kOfxImageEffectPluginPropGrouping, {'s', 1}},
                  {kOfxPropPluginDescription, {'s', 1}},
                  {kOfxImageEffectPropSupportedContexts, {'s', 0}},
                  {kOfxImageEffectPropSupportedPixelDepths, {'s', 0}},
                  {kOfxImageEffectPluginRenderThreadSafety, {'s', 1}},
                  {kOfxImageEffectPluginPropHostFrameThreading, {'i', 1}},
                  {kOfxImageEffectPropSupportsTiles, {'i', 1}},
                  {kOfxImageEffectPropSupportsMultiResolution, {'i', 1}},
                  {kOfxImageEffectPropSupportsMultipleClipDepths, {'i', 1}},
                  {kOfxImageEffectPropSupportsMultipleClipPARs, {'i', 1}},
                  {kOfxImageEffectPropTemporalClipAccess, {'i', 1}}})},
    {"effect instance", {{kOfxPropInstanceData, {'p', 1}}}},
    {"clip descriptor",
     with_labels({{kOfxImageEffectPropSupportedComponents, {'s', 0}},
                  {kOfxImageEffectPropTemporalClipAccess, {'i', 1}},
                  {kOfxImageEffectPropSupportsTiles, {'i', 1}},
                  {kOfxImageClipPropOptional, {'i', 1}},
                  {kOfxImageClipPropIsMask, {'i', 1}}})},
    {"parameter",
     with_labels({{kOfxParamPropScriptName, {'s', 1}},
                  {kOfxParamPropHint, {'s', 1}},
                  {kOfxParamPropParent, {'s', 1}},
                  {kOfxParamPropSecret, {'i', 1}},
                  {kOfxParamPropEnabled, {'i', 1}},
                  {kOfxParamPropAnimates, {'i', 1}},
                  {kOfxParamPropEvaluateOnChange, {'i', 1}}})},
    {kOfxParamTypeInteger,
     {{kOfxParamPropDefault, {'i', 1}},
      {kOfxParamPropMin, {'i', 1}},
      {kOfxParamPropMax, {'i', 1}},
      {kOfxParamPropDisplayMin, {'i', 1}},
      {kOfxParamPropDisplayMax, {'i', 1}}}},
    {kOfxParamTypeDouble,
     {{kOfxParamPropDefault, {'d', 1}},
      {kOfxParamPropMin, {'d', 1}},
      {kOfxParamPropMax, {'d', 1}},
      {kOfxParamPropDisplayMin, {'d', 1}},
      {kOfxParamPropDisplayMax, {'d', 1}}}},
    {kOfxParamTypeBoolean, {{kOfxParamPropDefault, {'i', 1}}}},
    {kOfxParamTypeChoice, {{kOfxParamPropDefault, {'i', 1}}, {kOfxParamPropChoiceOption, {'s', 0}}}},
    {kOfxParamTypeString,
     {{kOfxParamPropDefault, {'s', 1}},
      {kOfxParamPropStringMode, {'s', 1}},
      {kOfxParamPropStringFilePathExists, {'i', 1}}}},
    {kOfxParamTypeGroup, {{kOfxParamPropGroupOpen, {'i', 1}}}},
    {kOfxParamTypePage, {{kOfxParamPropPageChild, {'s', 0}}}},
    {kOfxParamTypePushButton, {}},
    {"identity answer", {{kOfxPropName, {'s', 1}}, {kOfxPropTime, {'d', 1}}}},
    {"preferences answer", {{kOfxImageEffectFrameVarying, {'i', 1}}}},
    {"frames answer",
     {{"OfxImageClipPropFrameRange_Source", {'d', 0}},
      {"OfxImageClipPropFrameRange_Reference", {'d', 0}},
      {"OfxImageClipPropFrameRange_Mask", {'d', 0}}}},
};

PropertySet* set_of(OfxPropertySetHandle handle) { return reinterpret_cast<PropertySet*>(handle); }

const Known* known_in(const std::string& kind, const std::string& name) {
  auto set = known.find(kind);
  if (set == known.end()) return nullptr;
  auto found = set->second.find(name);
  return found == set->second.end() ? nullptr : &found->second;
}

// Kinds of parameter have what every parameter has, too.
const Known* known_of(const std::string& kind, const std::string& name) {
  const Known* found = known_in(kind, name);
  return found || kind.rfind("OfxParamType", 0) != 0 ? found : known_in("parameter", name);
}

bool may_write(const PropertySet* set, const char* name, int index, char type) {
  const Known* found = known_of(set->kind, name);
  if (!found || found->type != type || index < 0 || (found->most && index >= found->most)) {
    offend(std::string("wrote ") + name + "[" + std::to_string(index) + "] as " + type + " to a " + set->kind);
    return false;
  }
  return true;
}

template <typename T>
OfxStatus write(OfxPropertySetHandle handle, const char* name, int index, T value, char type,
                std::vector<T> Value::*member) {
  PropertySet* set = set_of(handle);
  if (!set) return kOfxStatErrBadHandle;
  if (!may_write(set, name, index, type)) return kOfxStatErrUnknown;
  auto& list = set->values[name].*member;
  if (list.size() <= static_cast<size_t>(index)) list.resize(static_cast<size_t>(index) + 1);
  list[static_cast<size_t>(index)] = value;
  return kOfxStatOK;
}

template <typename T>
const T* read(OfxPropertySetHandle handle, const char* name, int index, const std::vector<T> Value::*member) {
  PropertySet* set = set_of(handle);
  if (!set) return nullptr;
  auto found = set->values.find(name);
  if (found == set->values.end()) return nullptr;
  auto& list = found->second.*member;
  return index >= 0 && static_cast<size_t>(index) < list.size() ? &list[static_cast<size_t>(index)] : nullptr;
}

OfxStatus set_pointer(OfxPropertySetHandle set, const char* name, int index, void* value) {
  return write<void*>(set, name, index, value, 'p', &Value::pointers);
}
OfxStatus set_string(OfxPropertySetHandle set, const char* name, int index, const char* value) {
  return write<std::string>(set, name, index, value, 's', &Value::strings);
}
OfxStatus set_double(OfxPropertySetHandle set, const char* name, int index, double value) {
  return write<double>(set, name, index, value, 'd', &Value::doubles);
}
OfxStatus set_int(OfxPropertySetHandle set, const char* name, int index, int value) {
  return write<int>(set, name, index, value, 'i', &Value::ints);
}

template <typename T, typename Out>
OfxStatus get(OfxPropertySetHandle set, const char* name, int index, Out* value, const std::vector<T> Value::*member) {
  const T* found = read<T>(set, name, index, member);
  if (!found) return kOfxStatErrUnknown;
  if constexpr (std::is_same_v<T, std::string>) {
    *value = const_cast<char*>(found->c_str());
  } else {
    *value = *found;
  }
  return kOfxStatOK;
}

OfxStatus get_pointer(OfxPropertySetHandle set, const char* name, int index, void** value) {
  return get<void*>(set, name, index, value, &Value::pointers);
}
OfxStatus get_string(OfxPropertySetHandle set, const char* name, int index, char** value) {
  return get<std::string>(set, name, index, value, &Value::strings);
}
OfxStatus get_double(OfxPropertySetHandle set, const char* name, int index, double* value) {
  return get<double>(set, name, index, value, &Value::doubles);
}
OfxStatus get_int(OfxPropertySetHandle set, const char* name, int index, int* value) {
  return get<int>(set, name, index, value, &Value::ints);
}

// The plural functions are the singular ones in a loop.
template <typename T, typename One>
OfxStatus each(OfxPropertySetHandle set, const char* name, int count, T values, One one) {
  for (int i = 0; i < count; ++i) {
    if (OfxStatus status = one(set, name, i, values + i)) return status;
  }
  return kOfxStatOK;
}

OfxStatus set_pointers(OfxPropertySetHandle set, const char* name, int count, void* const* values) {
  return each(set, name, count, values, [](auto s, auto n, int i, auto v) { return set_pointer(s, n, i, *v); });
}
OfxStatus set_strings(OfxPropertySetHandle set, const char* name, int count, const char* const* values) {
  return each(set, name, count, values, [](auto s, auto n, int i, auto v) { return set_string(s, n, i, *v); });
}
OfxStatus set_doubles(OfxPropertySetHandle set, const char* name, int count, const double* values) {
  return each(set, name, count, values, [](auto s, auto n, int i, auto v) { return set_double(s, n, i, *v); });
}
OfxStatus set_ints(OfxPropertySetHandle set, const char* name, int count, const int* values) {
  return each(set, name, count, values, [](auto s, auto n, int i, auto v) { return set_int(s, n, i, *v); });
}
OfxStatus get_pointers(OfxPropertySetHandle set, const char* name, int count, void** values) {
  return each(set, name, count, values, get_pointer);
}
OfxStatus get_strings(OfxPropertySetHandle set, const char* name, int count, char** values) {
  return each(set, name, count, values, get_string);
}
OfxStatus get_doubles(OfxPropertySetHandle set, const char* name, int count, double* values) {
  return each(set, name, count, values, get_double);
}
OfxStatus get_ints(OfxPropertySetHandle set, const char* name, int count, int* values) {
  return each(set, name, count, values, get_int);
}

OfxStatus reset(OfxPropertySetHandle set, const char* name) {
  set_of(set)->values.erase(name);
  return kOfxStatOK;
}

OfxStatus dimension(OfxPropertySetHandle set, const char* name, int* count) {
  auto found = set_of(set)->values.find(name);
  if (found == set_of(set)->values.end()) return kOfxStatErrUnknown;
  const Value& value = found->second;
  *count = static_cast<int>(
      std::max({value.ints.size(), value.doubles.size(), value.strings.size(), value.pointers.size()}));
  return kOfxStatOK;
}

}  // namespace

void offend(const std::string& what) {
  std::lock_guard<std::mutex> lock(offences_mutex);
  found_offences.push_back(what);
}

std::vector<std::string> offences() {
  std::lock_guard<std::mutex> lock(offences_mutex);
  return found_offences;
}

int PropertySet::integer(const char* name, int otherwise) const {
  auto found = values.find(name);
  return found == values.end() || found->second.ints.empty() ? otherwise : found->second.ints[0];
}

std::string PropertySet::text(const char* name) const {
  auto found = values.find(name);
  return found == values.end() || found->second.strings.empty() ? "" : found->second.strings[0];
}

const OfxPropertySuiteV1 property_suite = {
    set_pointer, set_string, set_double, set_int, set_pointers, set_strings, set_doubles, set_ints, get_pointer,
    get_string,  get_double, get_int,    get_pointers, get_strings, get_doubles, get_ints, reset,   dimension};

}  // namespace strict
