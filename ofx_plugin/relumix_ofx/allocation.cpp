// Operators new and delete, on macOS. zig links those of its C++ runtime into the plugin there and exports them, whatever
// the linker is told: a host could take them for its own. These have the same names, but are hidden, and leave no need
// for the others. Declared as what they are, they could not be hidden: hence the names as the linker knows them.
#ifdef __APPLE__

#include <cstddef>
#include <cstdlib>
#include <new>

#define HIDDEN(name) __asm__(name) __attribute__((visibility("hidden"), used))

namespace relumix {

namespace {

void* taken(std::size_t size, std::size_t alignment) {
  void* found = nullptr;
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  if (::posix_memalign(&found, alignment, size ? size : 1) != 0) throw std::bad_alloc();
  return found;
}

}  // namespace

void* new_one(std::size_t) HIDDEN("__Znwm");
void* new_many(std::size_t) HIDDEN("__Znam");
void* new_aligned(std::size_t, std::size_t) HIDDEN("__ZnwmSt11align_val_t");
void* new_many_aligned(std::size_t, std::size_t) HIDDEN("__ZnamSt11align_val_t");
void delete_one(void*) HIDDEN("__ZdlPv");
void delete_many(void*) HIDDEN("__ZdaPv");
void delete_sized(void*, std::size_t) HIDDEN("__ZdlPvm");
void delete_many_sized(void*, std::size_t) HIDDEN("__ZdaPvm");
void delete_aligned(void*, std::size_t) HIDDEN("__ZdlPvSt11align_val_t");
void delete_many_aligned(void*, std::size_t) HIDDEN("__ZdaPvSt11align_val_t");
void delete_sized_aligned(void*, std::size_t, std::size_t) HIDDEN("__ZdlPvmSt11align_val_t");
void delete_many_sized_aligned(void*, std::size_t, std::size_t) HIDDEN("__ZdaPvmSt11align_val_t");

void* new_one(std::size_t size) { return taken(size, alignof(std::max_align_t)); }
void* new_many(std::size_t size) { return taken(size, alignof(std::max_align_t)); }
void* new_aligned(std::size_t size, std::size_t alignment) { return taken(size, alignment); }
void* new_many_aligned(std::size_t size, std::size_t alignment) { return taken(size, alignment); }
void delete_one(void* made) { std::free(made); }
void delete_many(void* made) { std::free(made); }
void delete_sized(void* made, std::size_t) { std::free(made); }
void delete_many_sized(void* made, std::size_t) { std::free(made); }
void delete_aligned(void* made, std::size_t) { std::free(made); }
void delete_many_aligned(void* made, std::size_t) { std::free(made); }
void delete_sized_aligned(void* made, std::size_t, std::size_t) { std::free(made); }
void delete_many_sized_aligned(void* made, std::size_t, std::size_t) { std::free(made); }

}  // namespace relumix

#endif
