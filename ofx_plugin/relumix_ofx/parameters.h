// The parameters of the effect: described to the host, and read from an instance.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host.h"

namespace relumix {

namespace name {
// Parameters keep these names for ever: projects are saved with them.
constexpr const char* kRange = "range";
constexpr const char* kFirst = "first";
constexpr const char* kLast = "last";
constexpr const char* kReferenceFrom = "referenceFrom";
constexpr const char* kReferenceFrames = "referenceFrames";
constexpr const char* kReferenceFile = "referenceFile";
constexpr const char* kCuts = "cuts";
constexpr const char* kEngine = "engine";
constexpr const char* kWorkSize = "workSize";
constexpr const char* kWhere = "where";
constexpr const char* kServer = "server";
constexpr const char* kRelight = "relight";
constexpr const char* kCancel = "cancel";
constexpr const char* kClear = "clear";
constexpr const char* kStatus = "status";
constexpr const char* kOutput = "output";
constexpr const char* kMix = "mix";
constexpr const char* kMaskChannel = "maskChannel";
constexpr const char* kMaskInvert = "maskInvert";
constexpr const char* kCoding = "coding";
constexpr const char* kCodingName = "codingName";
constexpr const char* kFileCoding = "fileCoding";
constexpr const char* kTokenFile = "tokenFile";
constexpr const char* kTlsCa = "tlsCa";
constexpr const char* kTlsCert = "tlsCert";
constexpr const char* kTlsKey = "tlsKey";
constexpr const char* kCommand = "command";
constexpr const char* kModel = "model";
constexpr const char* kId = "id";
constexpr const char* kMade = "made";
}  // namespace name

// Projects are saved with these numbers.
enum class Output { kResult, kGain, kPlate, kConfidence };

void describe_parameters(OfxImageEffectHandle effect);

class Parameters {
 public:
  explicit Parameters(OfxImageEffectHandle effect);

  int integer(const char* name) const;
  double number(const char* name, double time) const;
  std::string text(const char* name) const;
  void set(const char* name, int value) const;
  void set(const char* name, const std::string& value) const;

  Output output() const { return static_cast<Output>(integer(name::kOutput)); }
  // OpenColorIO's name of the clips' colour space; empty for scene-linear.
  std::string coding() const;
  // The same for a reference file; empty where its type says it.
  std::string file_coding() const;
  bool reference_is_file() const { return integer(name::kReferenceFrom) == 1; }
  // Frames written in the text, in their order and once each; false where it holds something else.
  bool reference_frames(std::vector<int>& frames) const;

  // Hides and disables what has no say at present. To be called once the instance exists: some hosts want it so.
  void show_what_counts() const;

 private:
  OfxParamHandle handle(const char* name) const;
  Properties properties(const char* name) const;

  OfxParamSetHandle set_ = nullptr;
};

}  // namespace relumix
