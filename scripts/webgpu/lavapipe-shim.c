/*
 * A Vulkan driver that forwards to Mesa's software driver (lavapipe) and claims four features about dynamically indexed arrays of textures and buffers, which Dawn
 * asks for and compute shaders here never use. For tests only.
 * Build: gcc -shared -fPIC -o libshim.so lavapipe-shim.c -ldl
 */
#define VK_NO_PROTOTYPES
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_icd.h>
#include <vulkan/vulkan.h>

static PFN_vkVoidFunction (*instance_proc)(VkInstance, const char *);
static PFN_vkVoidFunction (*device_proc)(VkInstance, const char *);
static VkResult (*negotiate)(uint32_t *);
static PFN_vkGetPhysicalDeviceFeatures real_features;
static PFN_vkGetPhysicalDeviceFeatures2 real_features2;
static PFN_vkCreateDevice real_create;

__attribute__((constructor)) static void load(void) {
  const char *path = getenv("LAVAPIPE");
  void *driver = dlopen(path ? path : "libvulkan_lvp.so", RTLD_NOW | RTLD_LOCAL);
  if (!driver) return;
  instance_proc = dlsym(driver, "vk_icdGetInstanceProcAddr");
  device_proc = dlsym(driver, "vk_icdGetPhysicalDeviceProcAddr");
  negotiate = dlsym(driver, "vk_icdNegotiateLoaderICDInterfaceVersion");
}

static void claim(VkPhysicalDeviceFeatures *features, VkBool32 textures) {
  features->shaderSampledImageArrayDynamicIndexing = textures;
  features->shaderStorageImageArrayDynamicIndexing = textures;
  features->shaderUniformBufferArrayDynamicIndexing = 1;
  features->shaderStorageBufferArrayDynamicIndexing = 1;
}

static void VKAPI_CALL get_features(VkPhysicalDevice device, VkPhysicalDeviceFeatures *features) {
  real_features(device, features);
  claim(features, 1);
}

static void VKAPI_CALL get_features2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
  real_features2(device, features);
  claim(&features->features, 1);
}

/* what the driver does not have must not be asked of it */
static VkResult VKAPI_CALL create_device(VkPhysicalDevice device, const VkDeviceCreateInfo *info,
                                         const VkAllocationCallbacks *allocator, VkDevice *out) {
  VkDeviceCreateInfo copy = *info;
  VkPhysicalDeviceFeatures features;
  if (copy.pEnabledFeatures) {
    features = *copy.pEnabledFeatures;
    claim(&features, 0);
    copy.pEnabledFeatures = &features;
  }
  for (VkBaseOutStructure *s = (void *)copy.pNext; s; s = s->pNext)
    if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) claim(&((VkPhysicalDeviceFeatures2 *)s)->features, 0);
  return real_create(device, &copy, allocator, out);
}

static PFN_vkVoidFunction wrap(const char *name, PFN_vkVoidFunction real) {
  if (!real) return real;
  if (!strcmp(name, "vkGetPhysicalDeviceFeatures")) {
    real_features = (void *)real;
    return (void *)get_features;
  }
  if (!strcmp(name, "vkGetPhysicalDeviceFeatures2") || !strcmp(name, "vkGetPhysicalDeviceFeatures2KHR")) {
    real_features2 = (void *)real;
    return (void *)get_features2;
  }
  if (!strcmp(name, "vkCreateDevice")) {
    real_create = (void *)real;
    return (void *)create_device;
  }
  return real;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance, const char *name) {
  return instance_proc ? wrap(name, instance_proc(instance, name)) : 0;
}
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name) {
  return device_proc ? wrap(name, device_proc(instance, name)) : 0;
}
VKAPI_ATTR VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  return negotiate ? negotiate(version) : VK_ERROR_INCOMPATIBLE_DRIVER;
}
