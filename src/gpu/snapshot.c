// Asks a Vulkan device about itself.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"

bool snapshot_has_extension(const VkExtensionProperties *list, uint32_t n, const char *name) {
  for (uint32_t i = 0; i < n; i++)
    if (!strcmp(list[i].extensionName, name)) return true;
  return false;
}

static gpu_kind kind_of(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return GPU_KIND_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return GPU_KIND_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return GPU_KIND_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return GPU_KIND_CPU;
    default: return GPU_KIND_OTHER;
  }
}

// A family that computes but does not draw leaves a desktop's own queue alone.
static bool pick_family(VkPhysicalDevice device, gpu_snapshot *s) {
  VkQueueFamilyProperties families[16];
  uint32_t n = 16;
  vkGetPhysicalDeviceQueueFamilyProperties(device, &n, families);
  for (int draws = 0; draws <= 1; draws++) {
    for (uint32_t i = 0; i < n; i++) {
      if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) || !families[i].queueCount) continue;
      bool graphics = families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT;
      if (graphics != draws) continue;
      s->compute_family = i;
      s->timestamp_bits = families[i].timestampValidBits;
      return true;
    }
  }
  return false;
}

uint64_t snapshot_budget(VkPhysicalDevice device, bool has_budget, uint64_t *heap_bytes) {
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
  VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                              .pNext = has_budget ? &budget : NULL};
  vkGetPhysicalDeviceMemoryProperties2(device, &memory);
  uint32_t best = 0;
  *heap_bytes = 0;
  for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++) {
    const VkMemoryHeap *heap = &memory.memoryProperties.memoryHeaps[i];
    if (!(heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) || heap->size <= *heap_bytes) continue;
    *heap_bytes = heap->size;
    best = i;
  }
  if (!has_budget || budget.heapBudget[best] <= budget.heapUsage[best]) return 0;
  return budget.heapBudget[best] - budget.heapUsage[best];
}

static void take_limits(const VkPhysicalDeviceProperties *p, gpu_snapshot *s) {
  const VkPhysicalDeviceLimits *l = &p->limits;
  snprintf(s->name, sizeof s->name, "%s", p->deviceName);
  s->kind = kind_of(p->deviceType);
  s->vendor_id = p->vendorID;
  s->device_id = p->deviceID;
  s->api_version = p->apiVersion;
  s->driver_version = p->driverVersion;
  memcpy(s->pipeline_cache_uuid, p->pipelineCacheUUID, sizeof s->pipeline_cache_uuid);
  s->max_storage_buffer_range = l->maxStorageBufferRange;
  s->storage_align = (uint32_t)l->minStorageBufferOffsetAlignment;
  s->max_workgroup_invocations = l->maxComputeWorkGroupInvocations;
  memcpy(s->max_workgroup_size, l->maxComputeWorkGroupSize, sizeof s->max_workgroup_size);
  memcpy(s->max_workgroup_count, l->maxComputeWorkGroupCount, sizeof s->max_workgroup_count);
  s->max_shared_bytes = l->maxComputeSharedMemorySize;
  s->max_push_bytes = l->maxPushConstantsSize;
  s->timestamp_period = l->timestampPeriod;
}

// Neither vendor's extension need be enabled to be asked.
static uint32_t count_cores(VkPhysicalDevice device, const VkExtensionProperties *list, uint32_t n) {
  VkPhysicalDeviceShaderCorePropertiesAMD amd = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD};
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nv = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};
  VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  if (snapshot_has_extension(list, n, VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME)) all.pNext = &amd;
  else if (snapshot_has_extension(list, n, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME)) all.pNext = &nv;
  else return 0;
  vkGetPhysicalDeviceProperties2(device, &all);
  return amd.shaderEngineCount * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray + nv.shaderSMCount;
}

#ifdef VK_KHR_cooperative_matrix
// Multiples of four, as the kernels stage them, and no wider than their tiles.
static bool has_use(const VkCooperativeMatrixPropertiesKHR *p) {
  return p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR && p->BType == p->AType && p->CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
         p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && p->scope == VK_SCOPE_SUBGROUP_KHR && !p->saturatingAccumulation &&
         p->MSize >= 4 && p->NSize >= 4 && p->KSize >= 4 && 16 % p->MSize == 0 && 16 % p->NSize == 0 && 16 % p->KSize == 0;
}

static void take_coopmats(VkPhysicalDevice device, gpu_snapshot *s) {
  VkCooperativeMatrixPropertiesKHR all[64];
  uint32_t n = sizeof all / sizeof *all;
  for (uint32_t i = 0; i < n; i++)
    all[i] = (VkCooperativeMatrixPropertiesKHR){.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
  const VkResult result = vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR(device, &n, all);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE) n = 0;
  for (uint32_t i = 0; i < n && s->n_coopmats < GPU_MAX_COOPMATS; i++)
    if (has_use(&all[i])) s->coopmats[s->n_coopmats++] = (gpu_coopmat){all[i].MSize, all[i].NSize, all[i].KSize};
}
#endif

static void take_subgroup_sizes(VkPhysicalDevice device, const VkExtensionProperties *list, uint32_t n, gpu_snapshot *s) {
  VkPhysicalDeviceSubgroupSizeControlProperties control = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
  VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &control};
  if (!snapshot_has_extension(list, n, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME)) return;
  vkGetPhysicalDeviceProperties2(device, &all);
  s->min_subgroup_size = control.minSubgroupSize;
  s->max_subgroup_size = control.maxSubgroupSize;
  if (control.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)
    s->max_required_subgroups = control.maxComputeWorkgroupSubgroups;
}

static void take_properties(VkPhysicalDevice device, gpu_snapshot *s) {
  VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
  VkPhysicalDeviceSubgroupProperties subgroup = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                                 .pNext = s->driver_properties ? &driver : NULL};
  VkPhysicalDeviceMaintenance3Properties allocation = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
                                                       .pNext = &subgroup};
  VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &allocation};
  vkGetPhysicalDeviceProperties2(device, &all);
  snprintf(s->driver_name, sizeof s->driver_name, "%s", driver.driverName);
  snprintf(s->driver_info, sizeof s->driver_info, "%s", driver.driverInfo);
  s->driver_id = (uint32_t)driver.driverID;
  s->max_allocation_bytes = allocation.maxMemoryAllocationSize;
  s->subgroup_size = subgroup.subgroupSize;
  bool compute = subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT;
  s->subgroup_arithmetic = compute && (subgroup.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
  s->subgroup_shuffle = compute && (subgroup.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
}

static void take_features(VkPhysicalDevice device, const VkExtensionProperties *list, uint32_t n, gpu_snapshot *s) {
  VkPhysicalDevice16BitStorageFeatures storage_16bit = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
  VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &storage_16bit};
  VkPhysicalDeviceShaderFloat16Int8Features small = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
  VkPhysicalDevice8BitStorageFeatures storage_8bit = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES};
  VkPhysicalDeviceBufferDeviceAddressFeatures address = {.sType =
                                                             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES};
  VkPhysicalDeviceShaderIntegerDotProductFeatures dot = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
  VkPhysicalDeviceSubgroupSizeControlFeatures control = {.sType =
                                                             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
#define ASK(extension, features)                            \
  do {                                                      \
    if (!snapshot_has_extension(list, n, extension)) break; \
    (features).pNext = all.pNext;                           \
    all.pNext = &(features);                                \
  } while (0)
  ASK(VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME, small);
  ASK(VK_KHR_8BIT_STORAGE_EXTENSION_NAME, storage_8bit);
  ASK(VK_KHR_BUFFER_DEVICE_ADDRESS_EXTENSION_NAME, address);
  ASK(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME, dot);
  VkPhysicalDeviceVulkanMemoryModelFeatures memory_model = {.sType =
                                                                VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES};
  VkPhysicalDeviceMaintenance4Features maintenance4 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES};
  ASK(VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, control);
  ASK(VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME, memory_model);
  ASK(VK_KHR_MAINTENANCE_4_EXTENSION_NAME, maintenance4);
#ifdef VK_KHR_cooperative_matrix
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR coopmat = {.sType =
                                                              VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
  ASK(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME, coopmat);
#endif
#undef ASK
  vkGetPhysicalDeviceFeatures2(device, &all);
  s->f16 = small.shaderFloat16;
  s->int8 = small.shaderInt8;
  s->storage_16bit = storage_16bit.storageBuffer16BitAccess;
  s->storage_8bit = storage_8bit.storageBuffer8BitAccess;
  s->buffer_address = address.bufferDeviceAddress;
  s->integer_dot = dot.shaderIntegerDotProduct;
  s->vulkan_memory_model = memory_model.vulkanMemoryModel;
  s->maintenance4 = maintenance4.maintenance4;
  s->subgroup_size_control = control.subgroupSizeControl && control.computeFullSubgroups;
#ifdef VK_KHR_cooperative_matrix
  s->coopmat = coopmat.cooperativeMatrix;
  if (s->coopmat) take_coopmats(device, s);
#endif
}

// --- the screen ------------------------------------------------------------------------------------------------------

// Whether a connector of the kernel's device major:minor (a /dev/dri/card*) has a screen connected.
static bool drives_screen(int64_t major, int64_t minor) {
  char path[400], status[32] = "";
  snprintf(path, sizeof path, "/sys/dev/char/%lld:%lld", (long long)major, (long long)minor);
  DIR *dir = opendir(path);
  if (!dir) return false;
  bool connected = false;
  for (struct dirent *entry; !connected && (entry = readdir(dir));) {
    if (strncmp(entry->d_name, "card", 4)) continue;
    snprintf(path, sizeof path, "/sys/dev/char/%lld:%lld/%s/status", (long long)major, (long long)minor, entry->d_name);
    FILE *f = fopen(path, "r");
    if (!f) continue;
    connected = fgets(status, sizeof status, f) && !strncmp(status, "connected", 9);
    fclose(f);
  }
  closedir(dir);
  return connected;
}

// Without a way to ask, a GPU of a machine with a running desktop is taken to draw it.
static bool may_display(VkPhysicalDevice device, bool has_drm, gpu_kind kind) {
  if (kind == GPU_KIND_CPU) return false;
  if (!has_drm) return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY");
  VkPhysicalDeviceDrmPropertiesEXT drm = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT};
  VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &drm};
  vkGetPhysicalDeviceProperties2(device, &all);
  return drm.hasPrimary && drives_screen(drm.primaryMajor, drm.primaryMinor);
}

bool snapshot_take(VkPhysicalDevice device, gpu_snapshot *s) {
  *s = (gpu_snapshot){0};
  VkPhysicalDeviceProperties properties;
  vkGetPhysicalDeviceProperties(device, &properties);
  if (properties.apiVersion < VK_API_VERSION_1_1 || !pick_family(device, s)) return false;
  take_limits(&properties, s);

  arena *memory = arena_new("device extensions");
  uint32_t n = 0;
  VkExtensionProperties *list = NULL;
  if (vkEnumerateDeviceExtensionProperties(device, NULL, &n, NULL) == VK_SUCCESS) {
    list = ARENA_ARRAY(memory, VkExtensionProperties, n);
    if (vkEnumerateDeviceExtensionProperties(device, NULL, &n, list) != VK_SUCCESS) n = 0;
  } else {
    n = 0;
  }
  s->driver_properties = snapshot_has_extension(list, n, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME);
  s->memory_budget = snapshot_has_extension(list, n, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  take_properties(device, s);
  take_subgroup_sizes(device, list, n, s);
  s->cores = count_cores(device, list, n);
  take_features(device, list, n, s);
  s->display = may_display(device, snapshot_has_extension(list, n, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME), s->kind);
  arena_free(memory);

  s->device_budget_bytes = snapshot_budget(device, s->memory_budget, &s->device_heap_bytes);
  return true;
}
