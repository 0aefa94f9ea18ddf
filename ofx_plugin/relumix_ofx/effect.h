// One effect in a host's project: what its clips show, what it asks the bridge, and what becomes of the answer.
#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "bridge.h"
#include "image.h"
#include "parameters.h"

namespace relumix {

// How a request ended.
struct Outcome {
  enum class Kind { kResult, kAbsent, kDone, kError } kind;
  std::string text;
  std::vector<float> light;  // kResult: rows from the top, red, green and blue, of `width` x `height`.
  int width = 0, height = 0;
};

class Effect {
 public:
  explicit Effect(OfxImageEffectHandle handle);

  OfxStatus render(Properties arguments);
  // The time whose Source is the picture, where nothing is to be computed.
  bool is_identity(double time) const;
  void tell_frames_needed(double time, Properties answer) const;
  void changed(const std::string& parameter);
  void sequence(bool runs, Properties arguments);

 private:
  // The picture copied last: the bridge may ask for it next.
  struct ClipPicture {
    std::string clip;
    long frame = 0;
    Picture picture;
  };
  using OnProgress = std::function<void(double share)>;

  OfxImageClipHandle clip(const char* name) const;
  bool is_interactive(Properties arguments) const;
  bool was_relit() const { return parameters_.integer(name::kMade) > 0; }
  void shot(int& first, int& last) const;
  std::vector<std::string> command() const;
  // What to ask the bridge; an error in `trouble` where parameters say what cannot be.
  Fields request(const char* purpose, std::string& trouble) const;

  Outcome ask_bridge(const Fields& request, std::optional<ClipPicture> held, const Stop& stop,
                     const OnProgress& on_progress);
  Fields describe(const Message& query, std::optional<ClipPicture>& held) const;
  OfxStatus finish(const Outcome& outcome, const Composite& plate, const HostImage& output, const Box& window,
                   double time);

  void relight();
  void clear();
  void tell(const Outcome& outcome);

  OfxImageEffectHandle handle_;
  Parameters parameters_;
  std::atomic<int> cancels_{0};  // How often Cancel was pressed.
  std::atomic<int> sequence_is_interactive_{-1};  // -1: no sequence is being rendered.
};

}  // namespace relumix
