#include "parameters.h"

#include <algorithm>
#include <cstdlib>

namespace relumix {

namespace {

struct Coding {
  const char* label;
  const char* space;  // OpenColorIO's name, of its built-in ACES studio configuration.
};

constexpr Coding kCodings[] = {
    {"scene-linear", ""},
    {"sRGB", "sRGB Encoded Rec.709 (sRGB)"},
    {"Rec.709 gamma 2.4", "Gamma 2.4 Encoded Rec.709"},
    {"ACEScct", "ACEScct"},
    {"ACEScc", "ACEScc"},
    {"DaVinci Intermediate", "DaVinci Intermediate WideGamut"},
    {"ARRI LogC3", "ARRI LogC3 (EI800)"},
    {"ARRI LogC4", "ARRI LogC4"},
    {"Sony S-Log3 S-Gamut3", "S-Log3 S-Gamut3"},
    {"Sony S-Log3 S-Gamut3.Cine", "S-Log3 S-Gamut3.Cine"},
    {"RED Log3G10", "Log3G10 REDWideGamutRGB"},
    {"Canon Log 2", "CanonLog2 CinemaGamut D55"},
    {"Canon Log 3", "CanonLog3 CinemaGamut D55"},
    {"Panasonic V-Log", "V-Log V-Gamut"},
    {"Blackmagic Film Gen 5", "BMDFilm WideGamut Gen5"},
    {"Apple Log", "Apple Log"},
    {"DJI D-Log", "D-Log D-Gamut"},
};
constexpr int kOtherCoding = static_cast<int>(std::size(kCodings));

// Describes the parameters of one effect, one after the other.
class Describer {
 public:
  explicit Describer(OfxParamSetHandle set) : set_(set) {}

  // Parameters that follow are in this group.
  void group(const char* name, const char* label, bool open) {
    group_ = nullptr;
    Properties made = define(kOfxParamTypeGroup, name, label, nullptr);
    made.set(kOfxParamPropGroupOpen, open ? 1 : 0);
    group_ = name;
  }

  void choice(const char* name, const char* label, const char* hint, const std::vector<const char*>& options) {
    Properties made = still(define(kOfxParamTypeChoice, name, label, hint));
    for (size_t i = 0; i < options.size(); ++i) made.set(kOfxParamPropChoiceOption, options[i], static_cast<int>(i));
    made.set(kOfxParamPropDefault, 0);
  }

  void integer(const char* name, const char* label, const char* hint, int low, int high, int value) {
    Properties made = still(define(kOfxParamTypeInteger, name, label, hint));
    // All four: without them Resolve has ranges of its own.
    for (const char* each : {kOfxParamPropMin, kOfxParamPropDisplayMin}) made.set(each, low);
    for (const char* each : {kOfxParamPropMax, kOfxParamPropDisplayMax}) made.set(each, high);
    made.set(kOfxParamPropDefault, value);
  }

  void share(const char* name, const char* label, const char* hint) {
    Properties made = define(kOfxParamTypeDouble, name, label, hint);
    for (const char* each : {kOfxParamPropMin, kOfxParamPropDisplayMin}) made.set(each, 0.0);
    for (const char* each : {kOfxParamPropMax, kOfxParamPropDisplayMax}) made.set(each, 1.0);
    made.set(kOfxParamPropDefault, 1.0);
  }

  void yes_or_no(const char* name, const char* label, const char* hint) {
    still(define(kOfxParamTypeBoolean, name, label, hint)).set(kOfxParamPropDefault, 0);
  }

  Properties text(const char* name, const char* label, const char* hint, bool is_file = false) {
    Properties made = still(define(kOfxParamTypeString, name, label, hint));
    made.set(kOfxParamPropStringMode, is_file ? kOfxParamStringIsFilePath : kOfxParamStringIsSingleLine);
    if (is_file) made.set(kOfxParamPropStringFilePathExists, 0);  // A pattern of files is none that exists.
    made.set(kOfxParamPropDefault, "");
    return made;
  }

  void button(const char* name, const char* label, const char* hint) {
    define(kOfxParamTypePushButton, name, label, hint);
  }

  // What the plugin keeps for itself, in the project.
  void hidden_text(const char* name) { quiet(text(name, name, "")); }
  void hidden_count(const char* name) { integer(name, name, "", 0, 1 << 30, 0); }

  // A change of these does not change the picture.
  static void quiet(Properties made) { made.set(kOfxParamPropEvaluateOnChange, 0); }

  void page() {
    OfxPropertySetHandle made = nullptr;
    if (suites().parameters->paramDefine(set_, kOfxParamTypePage, "Main", &made) != kOfxStatOK) return;
    Properties page(made);
    page.set(kOfxPropLabel, "Relumix");
    for (size_t i = 0; i < names_.size(); ++i) page.set(kOfxParamPropPageChild, names_[i], static_cast<int>(i));
  }

 private:
  Properties define(const char* type, const char* name, const char* label, const char* hint) {
    OfxPropertySetHandle handle = nullptr;
    if (suites().parameters->paramDefine(set_, type, name, &handle) != kOfxStatOK) return Properties(nullptr);
    Properties made(handle);
    for (const char* each : {kOfxPropLabel, kOfxPropShortLabel, kOfxPropLongLabel}) made.set(each, label);
    made.set(kOfxParamPropScriptName, name);
    if (hint) made.set(kOfxParamPropHint, hint);
    if (group_) made.set(kOfxParamPropParent, group_);
    names_.push_back(name);
    return made;
  }

  static Properties still(Properties made) {
    made.set(kOfxParamPropAnimates, 0);
    return made;
  }

  OfxParamSetHandle set_;
  const char* group_ = nullptr;
  std::vector<const char*> names_;
};

std::vector<const char*> codings(const char* first) {
  std::vector<const char*> labels;
  if (first) labels.push_back(first);
  for (const Coding& coding : kCodings) labels.push_back(coding.label);
  labels.push_back("other");
  return labels;
}

void describe_job(Describer& add) {
  add.choice(name::kRange, "Frames", "The frames to relight: those of the Source clip, or from first to last.",
             {"Source clip", "first to last"});
  add.integer(name::kFirst, "First", "First frame to relight.", -1000000, 10000000, 1);
  add.integer(name::kLast, "Last", "Last frame to relight.", -1000000, 10000000, 100);
  add.choice(name::kReferenceFrom, "Reference from",
             "Where the relit frames come from: the Reference input, or a file where the host has one input alone.",
             {"input", "file"});
  add.text(name::kReferenceFrames, "Reference frames",
           "Frames at which the reference shows the shot as you want it to look, such as 1001, 1060. Empty: the first "
           "frame. Give more than one where one frame does not show all of the shot.");
  add.text(name::kReferenceFile, "Reference file",
           "The relit frame, or a pattern such as relit.####.exr where there are several.", true);
  add.text(name::kCuts, "Cuts",
           "Where a new scene begins, for light crosses no cut: first frames of scenes such as 1008, 1040; none; or "
           "auto, which looks at every frame to find them.")
      .set(kOfxParamPropDefault, "auto");
  add.choice(name::kEngine, "Engine", "What carries the light. flow needs no weights and runs on any processor.",
             {"flow", "lite", "svd"});
  add.integer(name::kWorkSize, "Working size",
              "Long edge in pixels at which light is carried; the picture itself stays at full size.", 64, 8192, 768);
  Describer::quiet(add.text(name::kStatus, "Status", "What was done last, or what went wrong."));
  add.button(name::kRelight, "Relight range", "Relights every frame that is not up to date. May be cancelled.");
  add.button(name::kCancel, "Cancel", "Stops what this effect has under way. Finished frames are kept.");
  add.button(name::kClear, "Clear", "Forgets the relit frames of this effect; the picture is the plate again.");
}

void describe_look(Describer& add) {
  add.choice(name::kOutput, "Output",
             "The relit picture, the light that was added in stops, the plate, or how sure the light is: 1 is certain, "
             "0.5 off by a stop, 0.25 by two.",
             {"result", "gain in stops", "plate", "confidence"});
  add.share(name::kMix, "Mix", "0 is the plate, 1 the relit picture. Changing it needs no new relighting.");
  add.choice(name::kMaskChannel, "Mask channel", "What of the Mask input says where light changes.",
             {"alpha", "red", "green", "blue"});
  add.yes_or_no(name::kMaskInvert, "Invert mask", "Light changes where the mask is 0.");
  add.choice(name::kCoding, "Clips are", "How the clips' values are coded where the host does not work scene-linear.",
             codings(nullptr));
  add.text(name::kCodingName, "Colour space", "OpenColorIO's name of it, where clips or the file are 'other'.");
  add.choice(name::kFileCoding, "File is",
             "How a reference file is coded. By its type: sRGB for whole numbers, else as the clips.",
             codings("by its type"));
}

void describe_place(Describer& add) {
  add.choice(name::kWhere, "Where", "Whether this machine relights, or a server (relumix serve).",
             {"this machine", "server"});
  add.text(name::kServer, "Server", "HOST:PORT of a server; several with commas between share the shot.");
  add.text(name::kTokenFile, "Token file", "File of the token that the servers ask for.", true);
  add.text(name::kTlsCa, "TLS certificates", "Certificates that signed the servers'. Empty: no TLS.", true);
  add.text(name::kTlsCert, "TLS client certificate", "Certificate of this client, where servers ask for one.", true);
  add.text(name::kTlsKey, "TLS client key", "Key of that certificate.", true);
  add.text(name::kModel, "Model", "Weights of the engine on this machine: svd needs some, lite has its own.", true);
  add.text(name::kCommand, "Command", "The relumix command, where it is not found by itself.", true);
}

std::string coding_of(int choice, const std::string& other) {
  if (choice == kOtherCoding) return other;
  return choice > 0 && choice < kOtherCoding ? kCodings[choice].space : "";
}

}  // namespace

void describe_parameters(OfxImageEffectHandle effect) {
  OfxParamSetHandle set = nullptr;
  if (suites().effects->getParamSet(effect, &set) != kOfxStatOK) return;
  Describer add(set);
  describe_job(add);
  add.group("lookGroup", "Look", true);
  describe_look(add);
  add.group("placeGroup", "Where it is done", false);
  describe_place(add);
  add.hidden_text(name::kId);
  add.hidden_count(name::kMade);
  add.page();
}

Parameters::Parameters(OfxImageEffectHandle effect) { suites().effects->getParamSet(effect, &set_); }

OfxParamHandle Parameters::handle(const char* name) const {
  OfxParamHandle found = nullptr;
  return suites().parameters->paramGetHandle(set_, name, &found, nullptr) == kOfxStatOK ? found : nullptr;
}

Properties Parameters::properties(const char* name) const {
  OfxPropertySetHandle found = nullptr;
  if (OfxParamHandle param = handle(name)) suites().parameters->paramGetPropertySet(param, &found);
  return Properties(found);
}

int Parameters::integer(const char* name) const {
  int value = 0;
  if (OfxParamHandle param = handle(name)) suites().parameters->paramGetValue(param, &value);
  return value;
}

double Parameters::number(const char* name, double time) const {
  double value = 0;
  if (OfxParamHandle param = handle(name)) suites().parameters->paramGetValueAtTime(param, time, &value);
  return value;
}

std::string Parameters::text(const char* name) const {
  char* value = nullptr;
  if (OfxParamHandle param = handle(name)) suites().parameters->paramGetValue(param, &value);
  return value ? value : "";
}

void Parameters::set(const char* name, int value) const {
  if (OfxParamHandle param = handle(name)) suites().parameters->paramSetValue(param, value);
}

void Parameters::set(const char* name, const std::string& value) const {
  if (OfxParamHandle param = handle(name)) suites().parameters->paramSetValue(param, value.c_str());
}

std::string Parameters::coding() const { return coding_of(integer(name::kCoding), text(name::kCodingName)); }

std::string Parameters::file_coding() const {
  int choice = integer(name::kFileCoding);
  if (choice == 0) return "";
  // A file that is said to be scene-linear is in the primaries of Rec.709, unless the clips are scene-linear too.
  if (choice == 1) return coding().empty() ? "" : "Linear Rec.709 (sRGB)";
  return coding_of(choice - 1, text(name::kCodingName));
}

bool Parameters::reference_frames(std::vector<int>& frames) const {
  std::string written = text(name::kReferenceFrames);
  std::replace(written.begin(), written.end(), ',', ' ');
  const char* at = written.c_str();
  for (char* end = nullptr;; at = end) {
    while (*at == ' ' || *at == '\t') ++at;
    if (!*at) return true;
    long frame = std::strtol(at, &end, 10);
    if (end == at || frame < -10000000 || frame > 10000000) return false;
    if (std::find(frames.begin(), frames.end(), frame) == frames.end()) frames.push_back(static_cast<int>(frame));
  }
}

void Parameters::show_what_counts() const {
  for (const char* hidden : {name::kId, name::kMade}) properties(hidden).set(kOfxParamPropSecret, 1);
  properties(name::kStatus).set(kOfxParamPropEnabled, 0);
  int on_server = integer(name::kWhere) == 1, custom = integer(name::kRange) == 1;
  int other = integer(name::kCoding) == kOtherCoding || integer(name::kFileCoding) == kOtherCoding + 1;
  for (const char* each : {name::kServer, name::kTokenFile, name::kTlsCa, name::kTlsCert, name::kTlsKey}) {
    properties(each).set(kOfxParamPropEnabled, on_server);
  }
  for (const char* each : {name::kFirst, name::kLast}) properties(each).set(kOfxParamPropEnabled, custom);
  for (const char* each : {name::kReferenceFile, name::kFileCoding}) {
    properties(each).set(kOfxParamPropEnabled, reference_is_file() ? 1 : 0);
  }
  properties(name::kCodingName).set(kOfxParamPropEnabled, other);
}

}  // namespace relumix
