// The Vulkan instance: finding the loader, the validation layers where they are asked for, and the devices in the order
// that `vkift devices` prints.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"

static const char *result_text(VkResult result) {
  switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED: return "initialization failed";
    case VK_ERROR_DEVICE_LOST: return "device lost (the driver or the system's watchdog reset it); a new process is needed";
    case VK_ERROR_MEMORY_MAP_FAILED: return "mapping memory failed";
    case VK_ERROR_LAYER_NOT_PRESENT: return "a layer is not installed";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "an extension is not there";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "a feature is not there";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "no compatible driver";
    case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
    case VK_ERROR_FRAGMENTED_POOL: return "fragmented pool";
    case VK_ERROR_OUT_OF_POOL_MEMORY: return "out of pool memory";
    case VK_TIMEOUT: return "time-out";
    default: return "an error";
  }
}

bool instance_check(VkResult result, const char *call, const char *file, int line, err *e) {
  if (result == VK_SUCCESS) return true;
  return ERR(e, "%.*s: %s (VkResult %d, at %s:%d)", (int)strcspn(call, "("), call, result_text(result), (int)result,
             strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line);
}

// --- creation --------------------------------------------------------------------------------------------------------

static bool create(arena *a, gpu_instance *instance, err *e) {
  if (volkInitialize() != VK_SUCCESS)
    return ERR(e,
               "the Vulkan loader (libvulkan.so.1) was not found; install it and a driver: on Debian "
               "`apt install libvulkan1 mesa-vulkan-drivers`, for NVIDIA cards also NVIDIA's own driver");
  if (volkGetInstanceVersion() < VK_API_VERSION_1_1) return ERR(e, "the Vulkan loader is of version 1.0; 1.1 is needed");

  VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pApplicationName = "vkift",
                                   .apiVersion = choose_api_version(getenv("VKIFT_DEVICE_PROFILE"))};
  validation_setting v;
  TRY(validation_setup(a, instance, &v, e));
  VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                               .pNext = v.chain,
                               .pApplicationInfo = &application,
                               .enabledLayerCount = v.n_layers,
                               .ppEnabledLayerNames = v.layers,
                               .enabledExtensionCount = v.n_extensions,
                               .ppEnabledExtensionNames = v.extensions};
  VkResult result = vkCreateInstance(&info, NULL, &instance->handle);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER)
    return ERR(e,
               "the Vulkan loader found no driver; install one: on Debian `apt install mesa-vulkan-drivers` (AMD, Intel, "
               "and a software driver that needs no GPU), for NVIDIA cards NVIDIA's own driver");
  TRY(instance_check(result, "vkCreateInstance", __FILE__, __LINE__, e));
  volkLoadInstance(instance->handle);
  return validation_listen(instance, &v, e);
}

// --- devices ---------------------------------------------------------------------------------------------------------

static int rank(gpu_kind kind) {
  switch (kind) {
    case GPU_KIND_DISCRETE: return 0;
    case GPU_KIND_INTEGRATED: return 1;
    case GPU_KIND_VIRTUAL: return 2;
    case GPU_KIND_OTHER: return 3;
    case GPU_KIND_CPU: return 4;
  }
  return 5;
}

// Sorted by kind; the driver's order within a kind.
static void insert(gpu_instance *instance, VkPhysicalDevice device, const gpu_snapshot *s) {
  uint32_t at = instance->n_devices++;
  for (; at && rank(instance->snapshots[at - 1].kind) > rank(s->kind); at--) {
    instance->snapshots[at] = instance->snapshots[at - 1];
    instance->devices[at] = instance->devices[at - 1];
  }
  instance->snapshots[at] = *s;
  instance->devices[at] = device;
}

static bool find_devices(arena *a, gpu_instance *instance, err *e) {
  uint32_t n = 0;
  TRY(VK(vkEnumeratePhysicalDevices(instance->handle, &n, NULL)));
  VkPhysicalDevice *found = ARENA_ARRAY(a, VkPhysicalDevice, n);
  if (n) TRY(VK(vkEnumeratePhysicalDevices(instance->handle, &n, found)));
  instance->devices = ARENA_ARRAY(a, VkPhysicalDevice, n);
  instance->snapshots = ARENA_ARRAY(a, gpu_snapshot, n);
  for (uint32_t i = 0; i < n; i++) {
    gpu_snapshot s;
    if (snapshot_take(found[i], &s)) insert(instance, found[i], &s);
    else instance->n_unusable++;
  }
  for (uint32_t i = 0; i < instance->n_devices; i++) instance->snapshots[i].index = i;
  return true;
}

bool instance_open(arena *a, gpu_instance *instance, err *e) {
  *instance = (gpu_instance){0};
  if (create(a, instance, e) && find_devices(a, instance, e)) return true;
  instance_close(instance);
  return false;
}

bool device_list(arena *a, gpu_snapshot **list, uint32_t *n, err *e) {
  gpu_instance instance;
  TRY(instance_open(a, &instance, e));
  *list = instance.snapshots;
  *n = instance.n_devices;
  instance_close(&instance);
  return true;
}

void instance_close(gpu_instance *instance) {
  if (!instance->handle) return;
  validation_stop(instance);
  vkDestroyInstance(instance->handle, NULL);
  instance->handle = VK_NULL_HANDLE;
}
