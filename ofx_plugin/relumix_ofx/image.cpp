#include "image.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace relumix {

namespace {

constexpr int kParts = 8;

// The constants and the round of xxHash64 (Yann Collet, public specification), on four lanes.
constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F, kPrime3 = 0x165667B19E3779F9;

uint64_t rotated(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

uint64_t stirred(uint64_t lane, uint64_t input) { return rotated(lane + input * kPrime2, 31) * kPrime1; }

uint64_t avalanched(uint64_t hash) {
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

class Hash {
 public:
  void add(const void* bytes, size_t count) {
    const char* at = static_cast<const char*>(bytes);
    for (; count >= 32; at += 32, count -= 32) {
      for (int lane = 0; lane < 4; ++lane) take(lane, at + 8 * lane, 8);
    }
    for (int lane = 0; count > 0; ++lane) {
      size_t part = std::min<size_t>(count, 8);
      take(lane, at, part);
      at += part, count -= part;
    }
  }

  std::string text() const {
    uint64_t first = rotated(lanes_[0], 1) + rotated(lanes_[1], 7) + rotated(lanes_[2], 12) + rotated(lanes_[3], 18);
    uint64_t second = kPrime3;
    for (uint64_t lane : lanes_) second = (second ^ stirred(0, lane)) * kPrime1 + kPrime2;
    char digits[33];
    std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(avalanched(first)),
                  static_cast<unsigned long long>(avalanched(second)));
    return digits;
  }

 private:
  void take(int lane, const char* at, size_t bytes) {
    uint64_t input = 0;
    std::memcpy(&input, at, bytes);
    lanes_[lane] = stirred(lanes_[lane], input);
  }

  uint64_t lanes_[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
};

bool is_finite(const float* rgb) { return std::isfinite(rgb[0]) && std::isfinite(rgb[1]) && std::isfinite(rgb[2]); }

int channels_of(const std::string& components) {
  if (components == kOfxImageComponentRGBA) return 4;
  if (components == kOfxImageComponentRGB) return 3;
  return components == kOfxImageComponentAlpha ? 1 : 0;
}

// One pixel of 1, 3 or 4 channels as red, green, blue and alpha. A lone channel is a matte.
void widen(const float* from, int channels, float* to) {
  if (channels == 1) {
    std::fill(to, to + 4, from[0]);
  } else {
    std::copy(from, from + channels, to);
    if (channels == 3) to[3] = 1;
  }
}

}  // namespace

std::string Picture::fingerprint() const {
  Hash hash;
  int32_t shape[4] = {width(), height(), has_alpha, 0};
  hash.add(shape, sizeof shape);
  hash.add(pixels.data(), pixels.size() * sizeof(float));
  return hash.text();
}

std::string Picture::thumbnail() const {
  double sums[kParts * kParts][3] = {};
  long counts[kParts * kParts] = {};
  for (int y = 0; y < height(); ++y) {
    const float* pixel = &pixels[static_cast<size_t>(y) * width() * 4];
    for (int x = 0; x < width(); ++x, pixel += 4) {
      if (!is_finite(pixel)) continue;
      int part = y * kParts / height() * kParts + x * kParts / width();
      for (int c = 0; c < 3; ++c) sums[part][c] += pixel[c];
      ++counts[part];
    }
  }
  std::string text;
  char number[32];
  for (int part = 0; part < kParts * kParts; ++part) {
    for (double sum : sums[part]) {
      std::snprintf(number, sizeof number, "%.6g ", counts[part] ? sum / counts[part] : 0.0);
      text += number;
    }
  }
  std::replace(text.begin(), text.end(), ',', '.');  // A host may have set a locale of decimal commas.
  text.pop_back();
  return text;
}

HostImage::HostImage(OfxImageClipHandle clip, double time) {
  if (!clip || suites().effects->clipGetImage(clip, time, nullptr, &handle_) != kOfxStatOK) handle_ = nullptr;
  if (!handle_) return;
  Properties image(handle_);
  channels_ = channels_of(image.text(kOfxImageEffectPropComponents));
  box_ = {image.integer(kOfxImagePropBounds, 0, 0), image.integer(kOfxImagePropBounds, 0, 1),
          image.integer(kOfxImagePropBounds, 0, 2), image.integer(kOfxImagePropBounds, 0, 3)};
  row_bytes_ = image.integer(kOfxImagePropRowBytes, 0);
  premultiplied_ = image.text(kOfxImageEffectPropPreMultiplication) == kOfxImagePreMultiplied;
  bool usable = channels_ && box_.width() > 0 && box_.height() > 0 &&
                image.text(kOfxImageEffectPropPixelDepth) == kOfxBitDepthFloat;
  data_ = usable ? static_cast<char*>(image.pointer(kOfxImagePropData)) : nullptr;
}

HostImage::~HostImage() {
  if (handle_) suites().effects->clipReleaseImage(handle_);
}

float* HostImage::row(int y) const {
  return reinterpret_cast<float*>(data_ + static_cast<ptrdiff_t>(y - box_.y1) * row_bytes_);
}

Picture HostImage::copy() const {
  Picture picture;
  picture.box = box_;
  picture.has_alpha = channels_ == 4 && premultiplied_;
  picture.pixels.resize(static_cast<size_t>(box_.width()) * box_.height() * 4);
  float* to = picture.pixels.data();
  for (int y = box_.y2 - 1; y >= box_.y1; --y) {
    const float* from = row(y);
    for (int x = 0; x < box_.width(); ++x, from += channels_, to += 4) widen(from, channels_, to);
  }
  return picture;
}

float Composite::amount(int x, int y) const {
  if (!mask) return mix;
  const Box& box = mask->box;
  float value = 0;
  if (x >= box.x1 && x < box.x2 && y >= box.y1 && y < box.y2) {
    size_t at = static_cast<size_t>(box.y2 - 1 - y) * box.width() + (x - box.x1);
    value = mask->pixels[at * 4 + mask_channel];
  }
  value = std::isfinite(value) ? std::clamp(value, 0.0f, 1.0f) : 0.0f;
  return mix * (invert_mask ? 1 - value : value);
}

void Composite::write(const HostImage& output, const Box& window) const {
  const Box &to = output.box(), &from = plate.box;
  int channels = output.channels();
  for (int y = std::max(window.y1, to.y1); y < std::min(window.y2, to.y2); ++y) {
    for (int x = std::max(window.x1, to.x1); x < std::min(window.x2, to.x2); ++x) {
      float pixel[4] = {};
      if (x >= from.x1 && x < from.x2 && y >= from.y1 && y < from.y2) {
        size_t at = static_cast<size_t>(from.y2 - 1 - y) * from.width() + (x - from.x1);
        std::copy_n(&plate.pixels[at * 4], 4, pixel);
        float share = light ? amount(x, y) : 0;
        if (share != 0 && is_finite(pixel)) {
          for (int c = 0; c < 3; ++c) {
            float lit = (*light)[at * 3 + c];
            pixel[c] = share == 1 ? lit : pixel[c] + share * (lit - pixel[c]);
          }
        }
      }
      float* target = output.row(y) + static_cast<ptrdiff_t>(x - to.x1) * channels;
      std::copy_n(channels == 1 ? pixel + 3 : pixel, channels, target);
    }
  }
}

}  // namespace relumix
