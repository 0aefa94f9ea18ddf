#include "effect.h"

#include <algorithm>
#include <cmath>

namespace relumix {

namespace {

constexpr const char* kSource = "Source";
constexpr const char* kReference = "Reference";
constexpr const char* kMask = "Mask";
constexpr const char* kOutputClip = "Output";

constexpr const char* kHostIsBackground = "OfxImageEffectHostPropIsBackground";

// A clip as the bridge calls it.
const char* clip_named(const std::string& name) { return name == "reference" ? kReference : kSource; }

long frame_at(double time) { return std::lround(time); }

Outcome error(const std::string& text) { return {Outcome::Kind::kError, text, {}, 0, 0}; }

bool says_end(const std::string& kind) {
  return kind == "result" || kind == "absent" || kind == "done" || kind == "error";
}

Outcome outcome_of(Message answer) {
  Outcome::Kind kind = answer.kind == "result"   ? Outcome::Kind::kResult
                       : answer.kind == "absent" ? Outcome::Kind::kAbsent
                       : answer.kind == "done"   ? Outcome::Kind::kDone
                                                 : Outcome::Kind::kError;
  return {kind, answer.text("text"), std::move(answer.body), static_cast<int>(answer.number("width")),
          static_cast<int>(answer.number("height"))};
}

}  // namespace

Effect::Effect(OfxImageEffectHandle handle) : handle_(handle), parameters_(handle) {
  if (parameters_.text(name::kId).empty()) parameters_.set(name::kId, system::random_id());
  parameters_.show_what_counts();
}

OfxImageClipHandle Effect::clip(const char* name) const {
  OfxImageClipHandle found = nullptr;
  return suites().effects->clipGetHandle(handle_, name, &found, nullptr) == kOfxStatOK ? found : nullptr;
}

bool Effect::is_interactive(Properties arguments) const {
  if (arguments.integer(kOfxImageEffectPropThumbnailRender, 0)) return true;
  if (arguments.integer(kOfxImageEffectPropRenderQualityDraft, 0)) return true;
  if (Properties(suites().host->host).integer(kHostIsBackground, 0)) return false;
  int of_sequence = sequence_is_interactive_;
  int of_instance = properties_of(handle_).integer(kOfxPropIsInteractive, 1);
  return arguments.integer(kOfxPropIsInteractive, of_sequence >= 0 ? of_sequence : of_instance) != 0;
}

void Effect::shot(int& first, int& last) const {
  first = parameters_.integer(name::kFirst), last = parameters_.integer(name::kLast);
  if (parameters_.integer(name::kRange) == 1) return;
  OfxPropertySetHandle found = nullptr;
  suites().effects->clipGetPropertySet(clip(kSource), &found);
  Properties source(found);
  first = static_cast<int>(std::ceil(source.number(kOfxImageEffectPropFrameRange, first, 0)));
  last = static_cast<int>(std::floor(source.number(kOfxImageEffectPropFrameRange, last, 1)));
}

std::vector<std::string> Effect::command() const {
  return relumix_command(parameters_.text(name::kCommand), properties_of(handle_).text(kOfxPluginPropFilePath));
}

Fields Effect::request(const char* purpose, std::string& trouble) const {
  int first = 0, last = 0;
  shot(first, last);
  std::vector<int> references;
  if (last < first) trouble = "there are no frames from " + std::to_string(first) + " to " + std::to_string(last);
  if (!parameters_.reference_frames(references)) {
    trouble = "reference frames are '" + parameters_.text(name::kReferenceFrames) +
              "': expected numbers such as 1001, 1060";
  }
  if (references.empty()) references.push_back(first);
  static constexpr const char* kEngines[] = {"flow", "lite", "svd"};
  Fields fields{{"purpose", purpose}, {"instance", parameters_.text(name::kId)}};
  fields["first"] = std::to_string(first), fields["last"] = std::to_string(last);
  for (int frame : references) fields["references"] += std::to_string(frame) + " ";
  fields["cuts"] = parameters_.text(name::kCuts);
  fields["engine"] = kEngines[std::clamp(parameters_.integer(name::kEngine), 0, 2)];
  fields["model"] = parameters_.text(name::kModel);
  fields["work_size"] = std::to_string(parameters_.integer(name::kWorkSize));
  fields["coding"] = parameters_.coding();
  fields["output"] = parameters_.output() == Output::kGain         ? "gain"
                     : parameters_.output() == Output::kConfidence ? "confidence"
                                                                   : "result";
  if (parameters_.reference_is_file()) {
    fields["reference_file"] = parameters_.text(name::kReferenceFile);
    fields["reference_coding"] = parameters_.file_coding();
    if (fields["reference_file"].empty()) {
      trouble = "no reference file is named: choose one, or take the Reference input";
    }
  }
  if (parameters_.integer(name::kWhere) == 1) {
    fields["server"] = parameters_.text(name::kServer);
    fields["token_file"] = parameters_.text(name::kTokenFile);
    fields["tls_ca"] = parameters_.text(name::kTlsCa);
    fields["tls_cert"] = parameters_.text(name::kTlsCert);
    fields["tls_key"] = parameters_.text(name::kTlsKey);
    if (fields["server"].empty()) trouble = "no server is named: write HOST:PORT, or choose this machine";
  }
  return fields;
}

Outcome Effect::ask_bridge(const Fields& request, std::optional<ClipPicture> held, const Stop& stop,
                           const OnProgress& on_progress) {
  Stop stopped = [&, before = cancels_.load()] { return cancels_ != before || stop(); };
  Connection connection = take_connection(command(), stopped);
  Message answer = connection.ask("open", request, {}, stopped);
  while (!says_end(answer.kind)) {
    if (stopped()) throw system::Stopped();
    if (answer.kind == "look") {
      answer = connection.ask("image", describe(answer, held), {}, stopped);
    } else if (answer.kind == "send") {
      Fields fields = describe(answer, held);
      bool there = fields.count("fingerprint") > 0;
      answer = connection.ask("image", fields, there ? held->picture.pixels : std::vector<float>(), stopped);
    } else if (answer.kind == "wait") {
      if (on_progress) on_progress(static_cast<double>(answer.number("permille")) / 1000);
      answer = connection.ask("next", {}, {}, stopped);
    } else {
      throw BridgeError("the relumix bridge said '" + answer.kind + "', which this plugin does not know");
    }
  }
  keep_connection(std::move(connection));
  return outcome_of(std::move(answer));
}

Fields Effect::describe(const Message& query, std::optional<ClipPicture>& held) const {
  std::string name = query.text("clip");
  long frame = query.number("frame");
  Fields fields{{"clip", name}, {"frame", std::to_string(frame)}};
  if (!held || held->clip != name || held->frame != frame) {
    held.reset();  // Before the next one is copied: one picture at a time.
    HostImage image(clip(clip_named(name)), static_cast<double>(frame));
    if (!image.exists()) return fields;
    held = ClipPicture{name, frame, image.copy()};
  }
  const Picture& picture = held->picture;
  fields["fingerprint"] = picture.fingerprint();
  fields["thumbnail"] = picture.thumbnail();
  fields["width"] = std::to_string(picture.width()), fields["height"] = std::to_string(picture.height());
  fields["alpha"] = picture.has_alpha ? "1" : "0";
  return fields;
}

OfxStatus Effect::render(Properties arguments) {
  double time = arguments.number(kOfxPropTime, 0);
  Box window{arguments.integer(kOfxImageEffectPropRenderWindow, 0, 0),
             arguments.integer(kOfxImageEffectPropRenderWindow, 0, 1),
             arguments.integer(kOfxImageEffectPropRenderWindow, 0, 2),
             arguments.integer(kOfxImageEffectPropRenderWindow, 0, 3)};
  HostImage output(clip(kOutputClip), time);
  if (!output.exists()) return suites().effects->abort(handle_) ? kOfxStatOK : kOfxStatFailed;
  ClipPicture source{"source", frame_at(time), {}};
  if (HostImage image(clip(kSource), time); image.exists()) source.picture = image.copy();
  bool interactive = is_interactive(arguments);
  // Without an image there is black; and nothing is asked before the first relighting, so that a new effect is at once.
  bool ask = source.picture.width() > 0 && !is_identity(time) && (was_relit() || !interactive);
  Composite plate{source.picture};
  if (!ask) {
    plate.write(output, window);
    return kOfxStatOK;
  }
  std::string trouble;
  Fields fields = request(interactive ? "render" : "farm", trouble);
  fields["frame"] = std::to_string(frame_at(time));
  if (!trouble.empty()) return finish(error(trouble), plate, output, window, time);
  Stop aborted = [this] { return suites().effects->abort(handle_) != 0; };
  try {
    return finish(ask_bridge(fields, source, aborted, nullptr), plate, output, window, time);
  } catch (const system::Stopped&) {
    return kOfxStatOK;  // The host throws the picture away.
  } catch (const BridgeError& lost) {
    return finish(error(lost.what()), plate, output, window, time);
  }
}

OfxStatus Effect::finish(const Outcome& outcome, const Composite& plate, const HostImage& output, const Box& window,
                         double time) {
  if (outcome.kind == Outcome::Kind::kError) {
    show_message(handle_, kOfxMessageError, outcome.text);
    return kOfxStatFailed;
  }
  Composite composite = plate;
  std::optional<Picture> mask;
  size_t expected = plate.plate.pixels.size() / 4 * 3;
  if (outcome.kind == Outcome::Kind::kResult && outcome.light.size() == expected) {
    composite.light = &outcome.light;
    if (parameters_.output() == Output::kResult) {
      if (HostImage image(clip(kMask), time); image.exists()) mask = image.copy();
      composite.mask = mask ? &*mask : nullptr;
      int chosen = parameters_.integer(name::kMaskChannel);  // Alpha, then red, green, blue.
      composite.mask_channel = chosen == 0 ? 3 : chosen - 1;
      composite.invert_mask = parameters_.integer(name::kMaskInvert) != 0;
      composite.mix = static_cast<float>(parameters_.number(name::kMix, time));
    }
    clear_message(handle_);
  } else {
    show_message(handle_, kOfxMessageWarning, outcome.text);
  }
  composite.write(output, window);
  return kOfxStatOK;
}

bool Effect::is_identity(double time) const {
  if (parameters_.output() == Output::kPlate) return true;
  return parameters_.output() == Output::kResult && parameters_.number(name::kMix, time) == 0;
}

void Effect::tell_frames_needed(double time, Properties answer) const {
  auto tell = [&](const char* clip_name, const std::vector<double>& frames) {
    std::string property = std::string("OfxImageClipPropFrameRange_") + clip_name;
    for (size_t i = 0; i < frames.size(); ++i) {
      answer.set(property.c_str(), frames[i], static_cast<int>(2 * i));
      answer.set(property.c_str(), frames[i], static_cast<int>(2 * i + 1));
    }
  };
  tell(kSource, {time});
  tell(kMask, {time});
  std::vector<int> references;
  parameters_.reference_frames(references);
  if (references.empty()) {
    int first = 0, last = 0;
    shot(first, last);
    references.push_back(first);
  }
  if (!parameters_.reference_is_file()) tell(kReference, {references.begin(), references.end()});
}

void Effect::changed(const std::string& parameter) {
  if (parameter == name::kRelight) return relight();
  if (parameter == name::kClear) return clear();
  if (parameter == name::kCancel) ++cancels_;
  parameters_.show_what_counts();
}

void Effect::sequence(bool runs, Properties arguments) {
  sequence_is_interactive_ = runs ? arguments.integer(kOfxPropIsInteractive, -1) : -1;
}

void Effect::relight() {
  std::string trouble;
  Fields fields = request("relight", trouble);
  if (!trouble.empty()) return tell(error(trouble));
  try {
    Progress progress(handle_, "Relighting");
    double share = 0;
    bool go_on = progress.update(share);
    Stop stop = [&] { return !(go_on = go_on && progress.update(share)); };
    tell(ask_bridge(fields, std::nullopt, stop, [&](double done) { share = done; }));
  } catch (const system::Stopped&) {
    tell({Outcome::Kind::kDone, "cancelled; finished frames are kept", {}, 0, 0});
  } catch (const BridgeError& lost) {
    tell(error(lost.what()));
  }
}

void Effect::clear() {
  std::string trouble;  // Whatever the parameters say, what this effect made can be forgotten.
  Fields fields = request("clear", trouble);
  try {
    Outcome outcome = ask_bridge(fields, std::nullopt, [] { return false; }, nullptr);
    tell(outcome);
    if (outcome.kind == Outcome::Kind::kDone) parameters_.set(name::kMade, 0);
  } catch (const system::Stopped&) {
    tell({Outcome::Kind::kDone, "cancelled", {}, 0, 0});
  } catch (const BridgeError& lost) {
    tell(error(lost.what()));
  }
}

void Effect::tell(const Outcome& outcome) {
  bool failed = outcome.kind == Outcome::Kind::kError;
  parameters_.set(name::kStatus, outcome.text);
  if (failed) {
    show_message(handle_, kOfxMessageError, outcome.text);
    return;
  }
  clear_message(handle_);
  // A changed parameter is how a host learns that its cached pictures are old.
  parameters_.set(name::kMade, parameters_.integer(name::kMade) + 1);
}

}  // namespace relumix
