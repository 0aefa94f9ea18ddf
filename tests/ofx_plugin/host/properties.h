// Property sets that know which properties there are: what the standard does not have for a set is an offence.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ofx_api.h"

namespace strict {

// Everything that a plugin did and the standard does not allow, in the order it happened.
void offend(const std::string& what);
std::vector<std::string> offences();

struct Value {
  std::vector<int> ints;
  std::vector<double> doubles;
  std::vector<std::string> strings;
  std::vector<void*> pointers;
};

struct PropertySet {
  std::string kind;  // Of what it is, as in `known`.
  std::map<std::string, Value> values;

  OfxPropertySetHandle handle() { return reinterpret_cast<OfxPropertySetHandle>(this); }
  int integer(const char* name, int otherwise = 0) const;
  std::string text(const char* name) const;
  void set(const char* name, std::vector<int> value) { values[name].ints = std::move(value); }
  void set(const char* name, std::vector<double> value) { values[name].doubles = std::move(value); }
  void set(const char* name, std::vector<std::string> value) { values[name].strings = std::move(value); }
  void set(const char* name, void* value) { values[name].pointers = {value}; }
};

extern const OfxPropertySuiteV1 property_suite;

}  // namespace strict
