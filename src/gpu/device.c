// Opening a device: which one, with which features, and closing it with all that was made from it.
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "gpu/internal.h"

// --- which -----------------------------------------------------------------------------------------------------------

static bool no_device(const gpu_instance *instance, err *e) {
  if (instance->n_unusable)
    return ERR(e, "no usable Vulkan device: %u found, but each is below Vulkan 1.1 or cannot compute; a newer driver may help",
               instance->n_unusable);
  return ERR(e,
             "no Vulkan device: the loader found drivers, but none of them a device; on Debian `apt install "
             "mesa-vulkan-drivers` also brings a software driver that needs no GPU");
}

static bool pick(const gpu_instance *instance, const char *which, uint32_t *picked, err *e) {
  if (!instance->n_devices) return no_device(instance, e);
  if (!which || !*which) return true;
  char *end;
  unsigned long index = strtoul(which, &end, 10);
  bool is_index = which[0] >= '0' && which[0] <= '9' && !*end;
  for (uint32_t i = 0; i < instance->n_devices; i++) {
    if (is_index ? index != i : !strcasestr(instance->snapshots[i].name, which)) continue;
    *picked = i;
    return true;
  }
  text found = {0};
  for (uint32_t i = 0; i < instance->n_devices; i++)
    text_printf(&found, "%s%u %s", i ? ", " : "", i, instance->snapshots[i].name);
  err_set(e, "no device \"%s\"; there are: %s", which, found.data);
  text_free(&found);
  return false;
}

bool device_choose(const gpu_snapshot *s, gpu_plan *plan, err *e) {
  const char *disable = getenv("VKIFT_DISABLE"), *profile = getenv("VKIFT_DEVICE_PROFILE"), *unknown = NULL;
  if (choose(s, disable, profile, plan, &unknown)) return true;
  bool in_disable = disable && unknown >= disable && unknown < disable + strlen(disable);
  text names = {0};
  for (gpu_feature f = 0; f < GPU_FEATURE_COUNT; f++) text_printf(&names, "%s%s", f ? ", " : "", gpu_feature_name(f));
  if (in_disable)
    err_set(e, "VKIFT_DISABLE: unknown name \"%.*s\"; known are %s", (int)strcspn(unknown, ","), unknown, names.data);
  else
    err_set(e,
            "VKIFT_DEVICE_PROFILE: cannot use \"%.*s\"; expected floor, or max_binding_bytes, max_chunk_bytes, "
            "max_invocations, max_shared_bytes, storage_align (a power of two, at most 256), slice_seconds, is_cpu, "
            "coopmat_first or lanes_bound, each with =NUMBER",
            (int)strcspn(unknown, ","), unknown);
  text_free(&names);
  return false;
}

// Names the first render node of the kernel that this user cannot open; NULL: there is none, or *n are open to us.
static const char *closed_node(char path[64], int *n) {
  *n = 0;
  DIR *dir = opendir("/dev/dri");
  if (!dir) return NULL;
  const char *closed = NULL;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strncmp(entry->d_name, "renderD", 7)) continue;
    snprintf(path, 64, "/dev/dri/%.40s", entry->d_name);
    if (access(path, R_OK | W_OK)) {
      closed = path;
      break;
    }
    ++*n;
  }
  closedir(dir);
  return closed;
}

const char *device_cpu_reason(char buffer[256]) {
  char path[64];
  int n_open;
  const char *closed = closed_node(path, &n_open);
  if (closed)
    snprintf(buffer, 256, "%s exists but may not be opened: join its group (`sudo usermod -aG render $USER`) and log in again",
             closed);
  else if (!n_open)
    snprintf(buffer, 256,
             "no GPU was found: the kernel offers no /dev/dri/renderD* (no GPU, its kernel driver not loaded, or "
             "a container without it)");
  else
    snprintf(buffer, 256,
             "the kernel offers a GPU, but no Vulkan driver serves it: on Debian `apt install "
             "mesa-vulkan-drivers`, for NVIDIA cards NVIDIA's own driver");
  return buffer;
}

// --- creation --------------------------------------------------------------------------------------------------------

// The features of the plan, chained to a VkDeviceCreateInfo.
typedef struct feature_chain {
  VkPhysicalDeviceFeatures2 all;
  VkPhysicalDevice16BitStorageFeatures storage_16bit;
  VkPhysicalDeviceShaderFloat16Int8Features small;
  VkPhysicalDeviceBufferDeviceAddressFeatures address;
  VkPhysicalDeviceShaderIntegerDotProductFeatures dot;
#ifdef VK_KHR_cooperative_matrix
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR coopmat;
  VkPhysicalDeviceVulkanMemoryModelFeatures memory_model;
  VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_size;
  VkPhysicalDeviceMaintenance4Features maintenance4;
#endif
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR reports;
  const char *extensions[8];
  uint32_t n_extensions;
} feature_chain;

static void chain_features(const gpu_plan *plan, bool reports, feature_chain *c) {
  *c = (feature_chain){.all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2}};
#define CHAIN(member, type, extension)                 \
  do {                                                 \
    c->member.sType = type;                            \
    c->member.pNext = c->all.pNext;                    \
    c->all.pNext = &c->member;                         \
    const char *name = extension;                      \
    if (name) c->extensions[c->n_extensions++] = name; \
  } while (0)
  if (plan->on[GPU_FEATURE_STORAGE_16BIT]) {
    CHAIN(storage_16bit, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES, NULL); // in Vulkan 1.1 itself
    c->storage_16bit.storageBuffer16BitAccess = true;
  }
  if (plan->on[GPU_FEATURE_F16]) {
    CHAIN(small, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME);
    c->small.shaderFloat16 = true;
  }
  if (plan->on[GPU_FEATURE_BUFFER_ADDRESS]) {
    CHAIN(address, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES, VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME);
    c->address.bufferDeviceAddress = true;
  }
  if (plan->on[GPU_FEATURE_INTEGER_DOT]) {
    CHAIN(dot, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES,
          VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
    c->dot.shaderIntegerDotProduct = true;
  }
#ifdef VK_KHR_cooperative_matrix
  if (plan->on[GPU_FEATURE_COOPMAT]) {
    CHAIN(coopmat, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
    c->coopmat.cooperativeMatrix = true;
    // What their shaders need, in Vulkan 1.3 itself.
    CHAIN(memory_model, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES, NULL);
    c->memory_model.vulkanMemoryModel = true;
    CHAIN(subgroup_size, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES, NULL);
    c->subgroup_size.subgroupSizeControl = c->subgroup_size.computeFullSubgroups = true;
    CHAIN(maintenance4, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES, NULL);
    c->maintenance4.maintenance4 = true;
  }
#endif
  if (reports) {
    CHAIN(reports, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
          VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
    c->reports.pipelineExecutableInfo = true;
  }
#undef CHAIN
  if (plan->on[GPU_FEATURE_MEMORY_BUDGET]) c->extensions[c->n_extensions++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
}

static bool create(gpu_device *d, err *e) {
  feature_chain features;
  chain_features(&d->plan, d->reports, &features);
  float priority = 1;
  VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                   .queueFamilyIndex = d->snapshot.compute_family,
                                   .queueCount = 1,
                                   .pQueuePriorities = &priority};
  VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                             .pNext = &features.all,
                             .queueCreateInfoCount = 1,
                             .pQueueCreateInfos = &queue,
                             .enabledExtensionCount = features.n_extensions,
                             .ppEnabledExtensionNames = features.extensions};
  TRY(VK(vkCreateDevice(d->physical, &info, NULL, &d->handle)));
  vkGetDeviceQueue(d->handle, d->snapshot.compute_family, 0, &d->queue.handle);
  vkGetPhysicalDeviceMemoryProperties(d->physical, &d->memory_types);
  return true;
}

static bool open_picked(gpu_device *d, const char *which, err *e) {
  uint32_t picked = 0;
  TRY(instance_open(d->memory, &d->instance, e));
  TRY(pick(&d->instance, which, &picked, e));
  d->physical = d->instance.devices[picked];
  d->snapshot = d->instance.snapshots[picked];
  TRY(device_choose(&d->snapshot, &d->plan, e));
  // A cached pipeline has no report.
  if (!create(d, e) || (!d->reports && !cache_open(d, e))) return err_prefix(e, "%s", d->snapshot.name);
  return true;
}

static bool open_new(arena *a, const char *which, bool reports, gpu_device **device, err *e) {
  gpu_device *d = ARENA_NEW(a, gpu_device);
  d->memory = a;
  d->reports = reports;
  *device = NULL;
  if (!open_picked(d, which, e)) {
    device_close(d);
    return false;
  }
  *device = d;
  return true;
}

bool device_open(arena *a, const char *which, gpu_device **device, err *e) {
  TRY(open_new(a, which, false, device, e));
  check_before_use(*device);
  return true;
}

bool device_open_for_reports(arena *a, const char *which, gpu_device **device, err *e) {
  return open_new(a, which, true, device, e);
}

void device_close(gpu_device *d) {
  if (!d) return;
  kernel_pool_stop(d);
  // Every submission is waited for, so the device is idle, unless it hangs: then it may still use its objects, nothing may
  // be freed, and waiting would take forever.
  if (d->hung) return;
  if (d->handle) {
    while (d->recordings) recording_free(d->recordings);
    cache_close(d);
    kernel_free_all(d);
    submit_close(d);
    while (d->heaps) heap_free(d->heaps);
    vkDestroyDevice(d->handle, NULL);
  }
  instance_close(&d->instance);
  d->handle = VK_NULL_HANDLE;
}

// --- what it is ------------------------------------------------------------------------------------------------------

const gpu_snapshot *device_snapshot(const gpu_device *d) {
  return &d->snapshot;
}

const gpu_plan *device_plan(const gpu_device *d) {
  return &d->plan;
}

uint64_t device_bytes(const gpu_device *d) {
  return d->heap_bytes;
}

uint32_t device_validation_messages(const gpu_device *d) {
  return atomic_load(&d->instance.messages);
}
