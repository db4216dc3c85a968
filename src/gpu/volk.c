// volk, the library that loads Vulkan at run time, so that vkift starts (and explains itself) where no loader is
// installed. It comes as a header whose implementation is compiled here, once.
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#define VOLK_IMPLEMENTATION
#include <volk.h>
