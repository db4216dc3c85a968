// The Khronos validation layers: VKIFT_VALIDATION=1 enables them with synchronization validation, and a messenger counts
// what they say, whoever enabled them. Their messages never change an exit status by themselves: the counter does.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"

static const char LAYER[] = "VK_LAYER_KHRONOS_validation";

static bool wanted(void) {
  const char *value = getenv("VKIFT_VALIDATION");
  return value && *value && strcmp(value, "0");
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT type,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
  (void)type;
  gpu_instance *instance = user;
  atomic_fetch_add(&instance->messages, 1);
  bool is_error = severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  fprintf(stderr, "vkift: validation %s: %s\n", is_error ? "error" : "warning", data->pMessage);
  return VK_FALSE;
}

static bool offers(arena *a, const char *layer, const char *extension) {
  uint32_t n = 0;
  if (vkEnumerateInstanceExtensionProperties(layer, &n, NULL) != VK_SUCCESS) return false;
  VkExtensionProperties *list = ARENA_ARRAY(a, VkExtensionProperties, n);
  if (vkEnumerateInstanceExtensionProperties(layer, &n, list) != VK_SUCCESS) return false;
  return snapshot_has_extension(list, n, extension);
}

static bool layer_installed(arena *a) {
  uint32_t n = 0;
  if (vkEnumerateInstanceLayerProperties(&n, NULL) != VK_SUCCESS) return false;
  VkLayerProperties *list = ARENA_ARRAY(a, VkLayerProperties, n);
  if (vkEnumerateInstanceLayerProperties(&n, list) != VK_SUCCESS) return false;
  for (uint32_t i = 0; i < n; i++)
    if (!strcmp(list[i].layerName, LAYER)) return true;
  return false;
}

bool validation_setup(arena *a, gpu_instance *instance, validation_setting *v, err *e) {
  *v = (validation_setting){.sync = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT,
                            .messenger = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
                                          .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                                             VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
                                          .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
                                          .pfnUserCallback = on_message,
                                          .pUserData = instance}};
  if (wanted()) {
    if (!layer_installed(a))
      return ERR(e, "VKIFT_VALIDATION is set, but the layer %s is not installed; on Debian `apt install vulkan-validationlayers`",
                 LAYER);
    v->layers[v->n_layers++] = LAYER;
    // Hazards between submissions and between dispatches have no setting but these; each release knows some of them and
    // ignores the others.
    setenv("VK_LAYER_ENABLES",
           "VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT:"
           "VALIDATION_CHECK_ENABLE_SYNCHRONIZATION_VALIDATION_QUEUE_SUBMIT",
           false);
    setenv("VK_LAYER_VALIDATE_SYNC", "1", false);
    setenv("VK_LAYER_SYNCVAL_SHADER_ACCESSES_HEURISTIC", "1", false); // what dispatches read and write
    if (offers(a, LAYER, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME)) {
      v->extensions[v->n_extensions++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
      v->features = (VkValidationFeaturesEXT){.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                              .enabledValidationFeatureCount = 1,
                                              .pEnabledValidationFeatures = &v->sync};
      v->chain = &v->features;
    }
  }
  if (offers(a, NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME)) {
    v->extensions[v->n_extensions++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    v->messenger.pNext = v->chain; // also hears what creating and destroying the instance brings
    v->chain = &v->messenger;
    v->listens = true;
  } else if (wanted()) {
    return ERR(e, "VKIFT_VALIDATION is set, but the Vulkan loader does not offer %s", VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
  }
  return true;
}

bool validation_listen(gpu_instance *instance, validation_setting *v, err *e) {
  if (!v->listens) return true;
  v->messenger.pNext = NULL;
  return VK(vkCreateDebugUtilsMessengerEXT(instance->handle, &v->messenger, NULL, &instance->messenger));
}

void validation_stop(gpu_instance *instance) {
  if (instance->messenger) vkDestroyDebugUtilsMessengerEXT(instance->handle, instance->messenger, NULL);
  instance->messenger = VK_NULL_HANDLE;
}
