// Effects, clips, parameters and images of the host, and the suites that show them to a plugin.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "properties.h"

namespace strict {

struct Param {
  std::string name, type;
  PropertySet properties;
  std::string string_value;
  int int_value = 0;
  double double_value = 0;
  std::map<double, double> keys;  // By time; what is asked for between two is the earlier.
};

struct Effect;

struct Clip {
  Effect* effect = nullptr;
  std::string name;
  PropertySet properties;
  std::string folder;  // Of frames as files; empty where nothing is connected.
};

// How a render or a button is done.
struct Manner {
  int divisor = 1;  // Of the render scale.
  bool negative_rows = false;
  int abort_after = -1;   // Questions of abort() after which it is true; -1: never.
  int cancel_after = -1;  // Updates of progress after which Cancel was pressed; -1: never.
};

// What may be done at present, by the action that a thread is in.
enum class Phase { kNone, kDescribe, kInContext, kCreate, kChanged, kRender, kAsk };

struct Effect {
  PropertySet properties, param_set_properties;
  std::map<std::string, std::unique_ptr<Clip>> clips;
  std::vector<std::unique_ptr<Param>> params;
  Manner manner;
  std::atomic<int> abort_questions{0}, progress_updates{0}, progress_starts{0}, progress_ends{0};
  std::mutex message_mutex;
  std::string message_type, message;
  struct Image* output = nullptr;

  Param* param(const std::string& name);
};

struct Image {
  PropertySet properties;
  int width = 0, height = 0;
  std::vector<float> memory;  // Rows in memory order, a guard before and after.
  bool negative_rows = false, is_output = false;

  Image(int width, int height, bool negative_rows);
  float* row_from_top(int y);
  bool guards_are_whole() const;
};

// Frames as files: "width height premultiplied\n" in text, then rows of RGBA floats from the top.
std::unique_ptr<Image> read_image(const std::string& path, int divisor, bool negative_rows);
bool write_image(Image& image, const std::string& path);
std::string frame_path(const std::string& folder, double time);

// The action that this thread is in.
Phase& phase();
int images_outstanding();

extern const OfxImageEffectSuiteV1 effect_suite;
extern const OfxParameterSuiteV1 parameter_suite;
extern const OfxProgressSuiteV1 progress_suite1;
extern const OfxProgressSuiteV2 progress_suite2;
extern const OfxMessageSuiteV2 message_suite;

}  // namespace strict
