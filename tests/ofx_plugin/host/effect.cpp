#include "effect.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace strict {

namespace {

constexpr size_t kGuard = 64;
constexpr float kGuardValue = -12345.678f;

std::atomic<int> outstanding{0};

Effect* effect_of(const void* handle) { return static_cast<Effect*>(const_cast<void*>(handle)); }
Clip* clip_of(OfxImageClipHandle handle) { return reinterpret_cast<Clip*>(handle); }
Param* param_of(OfxParamHandle handle) { return reinterpret_cast<Param*>(handle); }

void only_in(std::initializer_list<Phase> phases, const char* call) {
  for (Phase each : phases) {
    if (phase() == each) return;
  }
  offend(std::string(call) + " was called in an action that does not allow it");
}

OfxStatus get_property_set(OfxImageEffectHandle effect, OfxPropertySetHandle* set) {
  *set = effect_of(effect)->properties.handle();
  return kOfxStatOK;
}

OfxStatus get_param_set(OfxImageEffectHandle effect, OfxParamSetHandle* set) {
  *set = reinterpret_cast<OfxParamSetHandle>(effect);
  return kOfxStatOK;
}

OfxStatus clip_define(OfxImageEffectHandle effect, const char* name, OfxPropertySetHandle* set) {
  only_in({Phase::kInContext}, "clipDefine");
  auto& clip = effect_of(effect)->clips[name];
  if (clip) offend(std::string("clip ") + name + " was defined twice");
  clip = std::make_unique<Clip>();
  clip->effect = effect_of(effect), clip->name = name;
  clip->properties.kind = "clip descriptor";
  *set = clip->properties.handle();
  return kOfxStatOK;
}

OfxStatus clip_get_handle(OfxImageEffectHandle effect, const char* name, OfxImageClipHandle* handle,
                          OfxPropertySetHandle* set) {
  auto found = effect_of(effect)->clips.find(name);
  if (found == effect_of(effect)->clips.end()) return kOfxStatErrBadHandle;
  *handle = reinterpret_cast<OfxImageClipHandle>(found->second.get());
  if (set) *set = found->second->properties.handle();
  return kOfxStatOK;
}

OfxStatus clip_get_property_set(OfxImageClipHandle clip, OfxPropertySetHandle* set) {
  *set = clip_of(clip)->properties.handle();
  return kOfxStatOK;
}

OfxStatus clip_get_image(OfxImageClipHandle handle, OfxTime time, const OfxRectD*, OfxPropertySetHandle* set) {
  only_in({Phase::kRender, Phase::kChanged}, "clipGetImage");
  Clip* clip = clip_of(handle);
  if (clip->name == "Output") {
    if (phase() != Phase::kRender) offend("the output was asked for outside of a render");
    if (!clip->effect->output) return kOfxStatFailed;
    ++outstanding;
    *set = clip->effect->output->properties.handle();
    return kOfxStatOK;
  }
  if (clip->folder.empty()) return kOfxStatFailed;
  if (clip->folder == "null") {  // As Resolve has it: all is well, and there is no image.
    *set = nullptr;
    return kOfxStatOK;
  }
  const Manner& manner = clip->effect->manner;
  auto image = read_image(frame_path(clip->folder, time), manner.divisor, manner.negative_rows);
  if (!image) return kOfxStatFailed;
  ++outstanding;
  image->properties.set("StrictImage", static_cast<void*>(image.get()));
  *set = image.release()->properties.handle();
  return kOfxStatOK;
}

OfxStatus clip_release_image(OfxPropertySetHandle set) {
  auto* properties = reinterpret_cast<PropertySet*>(set);
  if (!properties || properties->kind != "image") {
    offend("what is no image was released");
    return kOfxStatErrBadHandle;
  }
  --outstanding;
  auto held = properties->values.find("StrictImage");
  if (held != properties->values.end()) delete static_cast<Image*>(held->second.pointers[0]);
  return kOfxStatOK;
}

OfxStatus clip_region(OfxImageClipHandle, OfxTime, OfxRectD*) { return kOfxStatFailed; }

int abort(OfxImageEffectHandle handle) {
  Effect* effect = effect_of(handle);
  int asked = effect->abort_questions++;
  return effect->manner.abort_after >= 0 && asked >= effect->manner.abort_after;
}

OfxStatus no_memory(OfxImageEffectHandle, size_t, OfxImageMemoryHandle*) { return kOfxStatErrMemory; }
OfxStatus no_memory_handle(OfxImageMemoryHandle) { return kOfxStatErrBadHandle; }
OfxStatus no_memory_lock(OfxImageMemoryHandle, void**) { return kOfxStatErrBadHandle; }

OfxStatus param_define(OfxParamSetHandle set, const char* type, const char* name, OfxPropertySetHandle* properties) {
  only_in({Phase::kInContext}, "paramDefine");
  Effect* effect = effect_of(set);
  if (effect->param(name)) {
    offend(std::string("parameter ") + name + " was defined twice");
    return kOfxStatErrExists;
  }
  auto param = std::make_unique<Param>();
  param->name = name, param->type = type;
  param->properties.kind = type;
  param->properties.set(kOfxPropName, std::vector<std::string>{name});
  if (properties) *properties = param->properties.handle();
  effect->params.push_back(std::move(param));
  return kOfxStatOK;
}

OfxStatus param_get_handle(OfxParamSetHandle set, const char* name, OfxParamHandle* handle,
                           OfxPropertySetHandle* properties) {
  Param* found = effect_of(set)->param(name);
  if (!found) {
    offend(std::string("parameter ") + name + " was asked for, which was not defined");
    return kOfxStatErrUnknown;
  }
  *handle = reinterpret_cast<OfxParamHandle>(found);
  if (properties) *properties = found->properties.handle();
  return kOfxStatOK;
}

OfxStatus param_set_properties(OfxParamSetHandle set, OfxPropertySetHandle* properties) {
  *properties = effect_of(set)->param_set_properties.handle();
  return kOfxStatOK;
}

OfxStatus param_properties(OfxParamHandle param, OfxPropertySetHandle* properties) {
  *properties = param_of(param)->properties.handle();
  return kOfxStatOK;
}

double at(const Param& param, double time) {
  auto next = param.keys.upper_bound(time);
  return next == param.keys.begin() ? param.double_value : std::prev(next)->second;
}

OfxStatus give(Param* param, double time, va_list arguments) {
  if (param->type == kOfxParamTypeDouble) {
    *va_arg(arguments, double*) = at(*param, time);
  } else if (param->type == kOfxParamTypeString) {
    *va_arg(arguments, char**) = param->string_value.data();
  } else if (param->type == kOfxParamTypePushButton || param->type == kOfxParamTypeGroup) {
    offend("the value of " + param->name + " was asked for, which has none");
    return kOfxStatErrUnsupported;
  } else {
    *va_arg(arguments, int*) = param->int_value;
  }
  return kOfxStatOK;
}

OfxStatus param_get_value(OfxParamHandle handle, ...) {
  va_list arguments;
  va_start(arguments, handle);
  OfxStatus status = give(param_of(handle), 0, arguments);
  va_end(arguments);
  return status;
}

OfxStatus param_get_value_at(OfxParamHandle handle, OfxTime time, ...) {
  va_list arguments;
  va_start(arguments, time);
  OfxStatus status = give(param_of(handle), time, arguments);
  va_end(arguments);
  return status;
}

OfxStatus param_set_value(OfxParamHandle handle, ...) {
  only_in({Phase::kChanged, Phase::kCreate}, "paramSetValue");
  Param* param = param_of(handle);
  va_list arguments;
  va_start(arguments, handle);
  if (param->type == kOfxParamTypeDouble) {
    param->double_value = va_arg(arguments, double);
  } else if (param->type == kOfxParamTypeString) {
    param->string_value = va_arg(arguments, char*);
  } else {
    param->int_value = va_arg(arguments, int);
  }
  va_end(arguments);
  return kOfxStatOK;
}

OfxStatus progress_start1(void* effect, const char*) {
  only_in({Phase::kChanged}, "progressStart");
  effect_of(effect)->progress_updates = 0;
  ++effect_of(effect)->progress_starts;
  return kOfxStatOK;
}
OfxStatus progress_start2(void* effect, const char* label, const char*) { return progress_start1(effect, label); }

OfxStatus progress_update(void* handle, double share) {
  Effect* effect = effect_of(handle);
  if (!(share >= 0 && share <= 1)) offend("progress of " + std::to_string(share));
  int updates = effect->progress_updates++;
  return effect->manner.cancel_after >= 0 && updates >= effect->manner.cancel_after ? kOfxStatReplyNo : kOfxStatOK;
}

OfxStatus progress_end(void* effect) {
  ++effect_of(effect)->progress_ends;
  return kOfxStatOK;
}

OfxStatus keep_message(void* handle, const char* type, const char* format, va_list arguments) {
  char text[2048];
  std::vsnprintf(text, sizeof text, format, arguments);
  Effect* effect = effect_of(handle);
  std::lock_guard<std::mutex> lock(effect->message_mutex);
  effect->message_type = type, effect->message = text;
  return kOfxStatOK;
}

OfxStatus message(void* handle, const char* type, const char*, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  OfxStatus status = keep_message(handle, type, format, arguments);
  va_end(arguments);
  return status;
}

OfxStatus clear_message(void* handle) {
  Effect* effect = effect_of(handle);
  std::lock_guard<std::mutex> lock(effect->message_mutex);
  effect->message_type.clear(), effect->message.clear();
  return kOfxStatOK;
}

}  // namespace

Phase& phase() {
  thread_local Phase current = Phase::kNone;
  return current;
}

int images_outstanding() { return outstanding; }

Param* Effect::param(const std::string& name) {
  for (auto& each : params) {
    if (each->name == name) return each.get();
  }
  return nullptr;
}

Image::Image(int wide, int high, bool negative) : width(wide), height(high), negative_rows(negative) {
  memory.assign(static_cast<size_t>(width) * height * 4 + 2 * kGuard, kGuardValue);
  properties.kind = "image";
  int row_bytes = width * 16;
  properties.set(kOfxImagePropBounds, std::vector<int>{0, 0, width, height});
  properties.set(kOfxImagePropRowBytes, std::vector<int>{negative ? -row_bytes : row_bytes});
  properties.set(kOfxImageEffectPropPixelDepth, std::vector<std::string>{kOfxBitDepthFloat});
  properties.set(kOfxImageEffectPropComponents, std::vector<std::string>{kOfxImageComponentRGBA});
  properties.set(kOfxImagePropData, static_cast<void*>(row_from_top(height - 1)));  // The bottom row, wherever it is.
}

float* Image::row_from_top(int y) {
  int in_memory = negative_rows ? y : height - 1 - y;
  return memory.data() + kGuard + static_cast<size_t>(in_memory) * width * 4;
}

bool Image::guards_are_whole() const {
  for (size_t i = 0; i < kGuard; ++i) {
    if (memory[i] != kGuardValue || memory[memory.size() - 1 - i] != kGuardValue) return false;
  }
  return true;
}

std::string frame_path(const std::string& folder, double time) {
  return folder + "/" + std::to_string(std::lround(time)) + ".rgba";
}

std::unique_ptr<Image> read_image(const std::string& path, int divisor, bool negative_rows) {
  std::ifstream file(path, std::ios::binary);
  int width = 0, height = 0, premultiplied = 0;
  if (!(file >> width >> height >> premultiplied)) return nullptr;
  file.get();
  std::vector<float> rows(static_cast<size_t>(width) * height * 4);
  file.read(reinterpret_cast<char*>(rows.data()), static_cast<std::streamsize>(rows.size() * sizeof(float)));
  auto image = std::make_unique<Image>(width / divisor, height / divisor, negative_rows);
  image->properties.set(kOfxImageEffectPropPreMultiplication,
                        std::vector<std::string>{premultiplied ? kOfxImagePreMultiplied : kOfxImageUnPreMultiplied});
  for (int y = 0; y < image->height; ++y) {
    float* to = image->row_from_top(y);
    for (int i = 0; i < image->width * 4; ++i) {
      double sum = 0;
      for (int v = 0; v < divisor; ++v) {
        for (int u = 0; u < divisor; ++u) {
          sum += rows[(static_cast<size_t>(y * divisor + v) * width + (i / 4 * divisor + u)) * 4 + i % 4];
        }
      }
      to[i] = static_cast<float>(sum / (divisor * divisor));
    }
  }
  return image;
}

bool write_image(Image& image, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << image.width << " " << image.height << " 1\n";
  for (int y = 0; y < image.height; ++y) {
    file.write(reinterpret_cast<const char*>(image.row_from_top(y)), image.width * 16);
  }
  return static_cast<bool>(file);
}

const OfxImageEffectSuiteV1 effect_suite = {
    get_property_set, get_param_set, clip_define, clip_get_handle, clip_get_property_set, clip_get_image,
    clip_release_image, clip_region, abort, no_memory, no_memory_handle, no_memory_lock, no_memory_handle};

const OfxParameterSuiteV1 parameter_suite = {param_define,    param_get_handle,   param_set_properties,
                                             param_properties, param_get_value,   param_get_value_at,
                                             nullptr,          nullptr,           param_set_value,
                                             nullptr,          nullptr,           nullptr,
                                             nullptr,          nullptr,           nullptr,
                                             nullptr,          nullptr,           nullptr};

const OfxProgressSuiteV1 progress_suite1 = {progress_start1, progress_update, progress_end};
const OfxProgressSuiteV2 progress_suite2 = {progress_start2, progress_update, progress_end};
const OfxMessageSuiteV2 message_suite = {message, message, clear_message};

}  // namespace strict
