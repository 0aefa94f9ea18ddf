// Pixels of the host's images: copied out, fingerprinted, and written back.
#pragma once

#include <string>
#include <vector>

#include "host.h"

namespace relumix {

// A rectangle of pixels, y up as OpenFX has it; x2 and y2 lie outside.
struct Box {
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  int width() const { return x2 - x1; }
  int height() const { return y2 - y1; }
};

// A picture of the plugin's own: rows from the top, red, green, blue and alpha, float.
struct Picture {
  Box box;
  bool has_alpha = false;  // Whether alpha is there and colours are premultiplied by it.
  std::vector<float> pixels;

  int width() const { return box.width(); }
  int height() const { return box.height(); }

  // 32 hexadecimal digits that another picture does not share: of the pixels, their number and what alpha means.
  std::string fingerprint() const;

  // Mean red, green and blue of each of 8 x 8 equal parts, rows from the top, as text: nearly the
  // same for a picture and a scaled-down version of it.
  std::string thumbnail() const;
};

// An image of a clip at a time, released when this object goes.
class HostImage {
 public:
  HostImage(OfxImageClipHandle clip, double time);
  ~HostImage();
  HostImage(const HostImage&) = delete;
  HostImage& operator=(const HostImage&) = delete;

  // Whether there is an image of float pixels; hosts give none where a clip is not connected.
  bool exists() const { return data_ != nullptr; }
  const Box& box() const { return box_; }

  // Its pixels as a picture.
  Picture copy() const;

  // One row of pixels, y as in its box; `channels` floats a pixel.
  float* row(int y) const;
  int channels() const { return channels_; }

 private:
  OfxPropertySetHandle handle_ = nullptr;
  char* data_ = nullptr;
  Box box_;
  int row_bytes_ = 0, channels_ = 0;
  bool premultiplied_ = false;
};

// What a frame becomes: the plate and, where there is one, light [height x width x 3] on the same box.
struct Composite {
  const Picture& plate;
  const std::vector<float>* light = nullptr;
  const Picture* mask = nullptr;
  int mask_channel = 3;
  bool invert_mask = false;
  float mix = 1;

  // Writes it to `window` of an image: 0 is the plate and 1 the light, both to the bit; alpha is the plate's.
  void write(const HostImage& output, const Box& window) const;

 private:
  float amount(int x, int y) const;
};

}  // namespace relumix
