// A host that loads one OpenFX plugin and does what it reads line by line, answering each with one line:
//
//   without SUITE VERSION      a suite that this host has not; hollow SUITE VERSION: one with functions missing
//   background                 this host renders without a window
//   load | unload              from now on, or no more; both as often as one likes
//   describe CONTEXT           what the plugin says of itself: one line of JSON
//   create NAME CONTEXT        an instance of it; destroy NAME
//   clip NAME CLIP FOLDER FIRST LAST    connect a folder of frames; FOLDER "null": connected, but without images
//   set NAME PARAMETER VALUE   get NAME PARAMETER    key NAME mix TIME VALUE
//   press NAME BUTTON [cancel=N]        the status text then
//   render NAME TIME FILE [scale=N] [negative] [abort=N] [thumbnail] [draft] [interactive=0]
//   cancelled NAME TIME FILE   a render without a window, in the middle of which another thread presses Cancel
//   crowd FILES TIME... : NAME...       renders by one thread an instance, to FILES.NAME.TIME
//   sequence NAME begin|end INTERACTIVE
//   identity NAME TIME | frames NAME TIME | preferences NAME
//   state                      images, offences, descriptors, memory
#include <dlfcn.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "effect.h"

namespace strict {

namespace {

struct Missing {
  std::string suite;
  int version;
  bool only_functions;
};

std::vector<Missing> missing;
PropertySet host_properties;
OfxHost host;
void* library = nullptr;
OfxPlugin* plugin = nullptr;
std::string bundle;
std::map<std::string, std::unique_ptr<Effect>> instances;

bool is_missing(const std::string& suite, int version, bool only_functions) {
  for (const Missing& each : missing) {
    if (each.suite == suite && each.version == version && each.only_functions == only_functions) return true;
  }
  return false;
}

const void* fetch_suite(OfxPropertySetHandle, const char* name, int version) {
  static const OfxProgressSuiteV2 hollow_progress = {};
  static const OfxMessageSuiteV2 hollow_messages = {message_suite.message, nullptr, nullptr};
  std::string suite = name;
  if (is_missing(suite, version, false)) return nullptr;
  bool hollow = is_missing(suite, version, true);
  if (suite == kOfxPropertySuite && version == 1) return &property_suite;
  if (suite == kOfxImageEffectSuite && version == 1) return &effect_suite;
  if (suite == kOfxParameterSuite && version == 1) return &parameter_suite;
  if (suite == kOfxProgressSuite && version == 1) return &progress_suite1;
  if (suite == kOfxProgressSuite && version == 2) return hollow ? &hollow_progress : &progress_suite2;
  if (suite == kOfxMessageSuite && version == 2) return hollow ? &hollow_messages : &message_suite;
  return nullptr;
}

OfxStatus act(const char* action, Phase during, Effect* effect, PropertySet* in = nullptr, PropertySet* out = nullptr) {
  phase() = during;
  OfxStatus status = plugin->mainEntry(action, effect, in ? in->handle() : nullptr, out ? out->handle() : nullptr);
  phase() = Phase::kNone;
  return status;
}

std::string load() {
  if (!library) {
    library = dlopen((bundle + "/Contents/Linux-x86-64/Relumix.ofx").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) return std::string("error ") + dlerror();
  }
  auto count = reinterpret_cast<int (*)()>(dlsym(library, "OfxGetNumberOfPlugins"));
  auto get = reinterpret_cast<OfxPlugin* (*)(int)>(dlsym(library, "OfxGetPlugin"));
  auto set = reinterpret_cast<OfxStatus (*)(const OfxHost*)>(dlsym(library, "OfxSetHost"));
  if (!count || !get || !set || count() != 1 || get(1)) return "error exports";
  set(&host);
  plugin = get(0);
  plugin->setHost(&host);
  return "ok " + std::to_string(act(kOfxActionLoad, Phase::kNone, nullptr)) + " " + plugin->pluginIdentifier;
}

std::unique_ptr<Effect> described(const std::string& context) {
  auto effect = std::make_unique<Effect>();
  effect->properties.kind = "effect descriptor";
  effect->properties.set(kOfxPluginPropFilePath, std::vector<std::string>{bundle});
  if (act(kOfxActionDescribe, Phase::kDescribe, effect.get())) offend("Describe failed");
  PropertySet in;
  in.kind = "arguments";
  in.set(kOfxImageEffectPropContext, std::vector<std::string>{context});
  if (act(kOfxImageEffectActionDescribeInContext, Phase::kInContext, effect.get(), &in)) {
    offend("DescribeInContext failed");
  }
  bool filter = context == kOfxImageEffectContextFilter;
  for (auto& [name, clip] : effect->clips) {
    bool simple = name == "Source" || name == "Output";
    if (filter && !simple && !clip->properties.integer(kOfxImageClipPropOptional)) offend(name + " must be optional");
  }
  return effect;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char each : text) result += each == '"' || each == '\\' ? std::string("\\") + each : std::string(1, each);
  return result + "\"";
}

template <typename T>
void list(std::ostringstream& out, const std::vector<T>& values) {
  out << "[";
  for (size_t i = 0; i < values.size(); ++i) {
    out << (i ? "," : "");
    if constexpr (std::is_same_v<T, std::string>) {
      out << quoted(values[i]);
    } else {
      out << values[i];
    }
  }
  out << "]";
}

void json(std::ostringstream& out, const PropertySet& set) {
  out << "{\"kind\":" << quoted(set.kind);
  for (auto& [name, value] : set.values) {
    if (!value.pointers.empty()) continue;
    out << "," << quoted(name) << ":";
    if (!value.strings.empty()) {
      list(out, value.strings);
    } else if (!value.doubles.empty()) {
      list(out, value.doubles);
    } else {
      list(out, value.ints);
    }
  }
  out << "}";
}

std::string describe(const std::string& context) {
  auto effect = described(context);
  std::ostringstream out;
  out << "{\"effect\":";
  json(out, effect->properties);
  out << ",\"clips\":{";
  for (auto& [name, clip] : effect->clips) {
    out << (name == effect->clips.begin()->first ? "" : ",") << quoted(name) << ":";
    json(out, clip->properties);
  }
  out << "},\"parameters\":[";
  for (auto& param : effect->params) {
    out << (param == effect->params.front() ? "" : ",");
    json(out, param->properties);
  }
  out << "]}";
  return out.str();
}

std::string create(const std::string& name, const std::string& context) {
  auto effect = described(context);
  effect->properties.kind = "effect instance";
  effect->properties.set(kOfxPropIsInteractive, std::vector<int>{1});
  for (auto& param : effect->params) {
    const Value& initial = param->properties.values[kOfxParamPropDefault];
    if (!initial.ints.empty()) param->int_value = initial.ints[0];
    if (!initial.doubles.empty()) param->double_value = initial.doubles[0];
    if (!initial.strings.empty()) param->string_value = initial.strings[0];
  }
  OfxStatus status = act(kOfxActionCreateInstance, Phase::kCreate, effect.get());
  instances[name] = std::move(effect);
  return "ok " + std::to_string(status);
}

std::string set(Effect& effect, const std::string& name, const std::string& value) {
  Param* param = effect.param(name);
  if (!param) return "error no such parameter";
  param->string_value = value;
  param->int_value = std::atoi(value.c_str());
  param->double_value = std::atof(value.c_str());
  PropertySet in;
  in.kind = "arguments";
  in.set(kOfxPropType, std::vector<std::string>{kOfxTypeParameter});
  in.set(kOfxPropName, std::vector<std::string>{name});
  in.set(kOfxPropChangeReason, std::vector<std::string>{kOfxChangeUserEdited});
  in.set(kOfxPropTime, std::vector<double>{0});
  in.set(kOfxImageEffectPropRenderScale, std::vector<double>{1, 1});
  return "ok " + std::to_string(act(kOfxActionInstanceChanged, Phase::kChanged, &effect, &in));
}

// Options such as scale=2, and flags, that follow a command.
struct Options {
  std::map<std::string, int> values;
  explicit Options(std::istringstream& line) {
    for (std::string word; line >> word;) {
      size_t equals = word.find('=');
      values[word.substr(0, equals)] = equals == std::string::npos ? 1 : std::atoi(word.c_str() + equals + 1);
    }
  }
  int get(const char* name, int otherwise) const {
    auto found = values.find(name);
    return found == values.end() ? otherwise : found->second;
  }
};

std::string press(Effect& effect, const std::string& button, const Options& options) {
  effect.manner = Manner{};
  effect.manner.cancel_after = options.get("cancel", -1);
  effect.manner.divisor = options.get("scale", 1);
  std::string answer = set(effect, button, "0");
  if (effect.progress_starts != effect.progress_ends) offend("a progress bar was left open");
  return answer + " " + effect.param("status")->string_value;
}

std::string message_of(Effect& effect) {
  std::lock_guard<std::mutex> lock(effect.message_mutex);
  return effect.message_type.empty() ? "" : effect.message_type + ": " + effect.message;
}

std::string render(Effect& effect, double time, const std::string& file, const Options& options) {
  effect.manner = Manner{};
  effect.manner.divisor = options.get("scale", 1);
  effect.manner.negative_rows = options.get("negative", 0) != 0;
  effect.manner.abort_after = options.get("abort", -1);
  effect.abort_questions = 0;
  auto source = read_image(frame_path(effect.clips["Source"]->folder, time), effect.manner.divisor, false);
  Image output(source ? source->width : 16, source ? source->height : 16, effect.manner.negative_rows);
  output.is_output = true;
  effect.output = &output;
  PropertySet in;
  in.kind = "arguments";
  double scale = 1.0 / effect.manner.divisor;
  in.set(kOfxPropTime, std::vector<double>{time});
  in.set(kOfxImageEffectPropRenderWindow, std::vector<int>{0, 0, output.width, output.height});
  in.set(kOfxImageEffectPropRenderScale, std::vector<double>{scale, scale});
  if (options.get("thumbnail", 0)) in.set(kOfxImageEffectPropThumbnailRender, std::vector<int>{1});
  if (options.get("draft", 0)) in.set(kOfxImageEffectPropRenderQualityDraft, std::vector<int>{1});
  if (options.get("interactive", 1) == 0) in.set(kOfxPropIsInteractive, std::vector<int>{0});
  OfxStatus status = act(kOfxImageEffectActionRender, Phase::kRender, &effect, &in);
  effect.output = nullptr;
  if (!output.guards_are_whole()) offend("the output was written beyond its bounds");
  write_image(output, file);
  return "ok " + std::to_string(status) + " " + message_of(effect);
}

// Presses Cancel from another thread while a render without a window waits.
std::string cancelled(Effect& effect, double time, const std::string& file) {
  std::istringstream options("interactive=0");
  std::atomic<bool> over{false};
  std::thread user([&] {
    while (effect.abort_questions < 20 && !over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    set(effect, "cancel", "0");
  });
  std::string answer = render(effect, time, file, Options(options));
  over = true;
  user.join();
  return answer;
}

// Renders by one thread for each instance.
std::string crowd(const std::string& files, std::istringstream& line) {
  std::vector<double> times;
  std::vector<std::string> names;
  bool after = false;
  for (std::string word; line >> word;) {
    if (word == ":") {
      after = true;
    } else if (after) {
      names.push_back(word);
    } else {
      times.push_back(std::atof(word.c_str()));
    }
  }
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (const std::string& name : names) {
    threads.emplace_back([&, name] {
      for (double time : times) {
        std::istringstream none;
        std::string path = files + "." + name + "." + std::to_string(std::lround(time));
        if (render(*instances.at(name), time, path, Options(none)).rfind("ok 0", 0) != 0) ++failed;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  return "ok " + std::to_string(failed);
}

std::string sequence(Effect& effect, const std::string& which, int interactive) {
  PropertySet in;
  in.kind = "arguments";
  in.set(kOfxPropIsInteractive, std::vector<int>{interactive});
  bool begins = which == "begin";
  return "ok " + std::to_string(act(begins ? kOfxImageEffectActionBeginSequenceRender
                                           : kOfxImageEffectActionEndSequenceRender,
                                    Phase::kAsk, &effect, &in));
}

std::string ask(Effect& effect, const std::string& command, double time) {
  PropertySet in, out;
  in.kind = "arguments";
  in.set(kOfxPropTime, std::vector<double>{time});
  const char* action = kOfxImageEffectActionGetFramesNeeded;
  out.kind = "frames answer";
  if (command == "identity") action = kOfxImageEffectActionIsIdentity, out.kind = "identity answer";
  if (command == "preferences") action = kOfxImageEffectActionGetClipPreferences, out.kind = "preferences answer";
  OfxStatus status = act(action, Phase::kAsk, &effect, &in, &out);
  std::ostringstream text;
  text << "ok " << status << " ";
  json(text, out);
  return text.str();
}

std::string state() {
  std::ostringstream out;
  auto descriptors = std::filesystem::directory_iterator("/proc/self/fd");
  long count = std::distance(begin(descriptors), end(descriptors)) - 1, pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  out << "{\"images\":" << images_outstanding() << ",\"descriptors\":" << count
      << ",\"memory_bytes\":" << pages * sysconf(_SC_PAGESIZE) << ",\"offences\":";
  list(out, offences());
  out << "}";
  return out.str();
}

std::string rest_of(std::istringstream& line) {
  std::string rest;
  std::getline(line >> std::ws, rest);
  return rest;
}

std::string connect(Effect& effect, std::istringstream& line) {
  std::string clip, folder;
  double first = 0, last = 0;
  line >> clip >> folder >> first >> last;
  effect.clips.at(clip)->folder = folder == "-" ? "" : folder;
  effect.clips.at(clip)->properties.set(kOfxImageEffectPropFrameRange, std::vector<double>{first, last});
  return "ok";
}

std::string of_instance(const std::string& command, Effect& effect, std::istringstream& line) {
  std::string word;
  if (command == "clip") return connect(effect, line);
  if (command == "identity" || command == "frames" || command == "preferences") {
    double time = 0;
    line >> time;
    return ask(effect, command, time);
  }
  if (command == "render" || command == "cancelled") {
    double time = 0;
    line >> time >> word;
    if (command == "cancelled") return cancelled(effect, time, word);
    return render(effect, time, word, Options(line));
  }
  line >> word;
  if (command == "set") return set(effect, word, rest_of(line));
  if (command == "press") return press(effect, word, Options(line));
  if (command == "sequence") return sequence(effect, word, std::atoi(rest_of(line).c_str()));
  Param* param = effect.param(word);
  if (!param) return "error no such parameter";
  if (command == "key") {
    double time = 0, value = 0;
    line >> time >> value;
    param->keys[time] = value;
    return "ok";
  }
  if (command == "enabled") return "ok " + std::to_string(param->properties.integer(kOfxParamPropEnabled, 1));
  if (command == "secret") return "ok " + std::to_string(param->properties.integer(kOfxParamPropSecret, 0));
  return param->type == kOfxParamTypeString ? "ok " + param->string_value : "ok " + std::to_string(param->int_value);
}

std::string answer(const std::string& text) {
  std::istringstream line(text);
  std::string command, name;
  line >> command;
  if (command == "load") return load();
  if (command == "unload") return "ok " + std::to_string(act(kOfxActionUnload, Phase::kNone, nullptr));
  if (command == "purge") return "ok " + std::to_string(act(kOfxActionPurgeCaches, Phase::kNone, nullptr));
  if (command == "state") return state();
  if (command == "background") {
    host_properties.set("OfxImageEffectHostPropIsBackground", std::vector<int>{1});
    return "ok";
  }
  line >> name;
  if (command == "without" || command == "hollow") {
    int version = 0;
    line >> version;
    missing.push_back({name, version, command == "hollow"});
    return "ok";
  }
  if (command == "describe") return describe(name);
  if (command == "create") return create(name, rest_of(line));
  if (command == "crowd") return crowd(name, line);
  auto found = instances.find(name);
  if (found == instances.end()) return "error no such instance";
  if (command == "destroy") {
    OfxStatus status = act(kOfxActionDestroyInstance, Phase::kNone, found->second.get());
    instances.erase(found);
    return "ok " + std::to_string(status);
  }
  return of_instance(command, *found->second, line);
}

}  // namespace

int run(const char* path) {
  bundle = path;
  host_properties.kind = "host";
  host_properties.set(kOfxPropName, std::vector<std::string>{"org.relumix.StrictHost"});
  host.host = host_properties.handle();
  host.fetchSuite = fetch_suite;
  for (std::string line; std::getline(std::cin, line);) std::cout << answer(line) << std::endl;
  return 0;
}

}  // namespace strict

int main(int count, char** arguments) { return count == 2 ? strict::run(arguments[1]) : 2; }
