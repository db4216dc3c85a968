// Kernels: compute pipelines made from the embedded shaders and kept in a hash table by shader and specialization
// constants. Who asks for one learns at once whether its interface suits the device; the pipeline is made by threads
// (kernel_pool.c).
#include <string.h>
#include <xxhash.h>

#include "gpu/internal.h"
#include "gpu/shader_table.h"

// --- the table -------------------------------------------------------------------------------------------------------

static uint64_t key_of(const char *shader, const uint32_t *spec, uint32_t n_spec) {
  uint64_t seed = XXH64(shader, strlen(shader), n_spec);
  return n_spec ? XXH64(spec, n_spec * sizeof *spec, seed) : seed;
}

static bool is_it(const gpu_kernel *k, uint64_t key, const char *shader, const uint32_t *spec, uint32_t n_spec) {
  return k->key == key && k->n_spec == n_spec && !strcmp(k->info.shader, shader) &&
         (!n_spec || !memcmp(k->spec, spec, n_spec * sizeof *spec));
}

static gpu_kernel *find(const gpu_device *d, uint64_t key, const char *shader, const uint32_t *spec, uint32_t n_spec) {
  uint64_t mask = d->kernel_capacity - 1;
  if (!d->kernel_capacity) return NULL;
  for (uint64_t i = key & mask; d->kernels[i]; i = (i + 1) & mask)
    if (is_it(d->kernels[i], key, shader, spec, n_spec)) return d->kernels[i];
  return NULL;
}

static void place(gpu_kernel **kernels, uint64_t capacity, gpu_kernel *k) {
  uint64_t i = k->key & (capacity - 1);
  while (kernels[i]) i = (i + 1) & (capacity - 1);
  kernels[i] = k;
}

static void remember(gpu_device *d, gpu_kernel *k) {
  if (2 * (d->n_kernels + 1) > d->kernel_capacity) { // at most half full
    uint64_t grown = d->kernel_capacity ? 2 * d->kernel_capacity : 64;
    gpu_kernel **kernels = ARENA_ARRAY(d->memory, gpu_kernel *, grown);
    for (uint64_t i = 0; i < d->kernel_capacity; i++)
      if (d->kernels[i]) place(kernels, grown, d->kernels[i]);
    d->kernels = kernels;
    d->kernel_capacity = grown;
  }
  place(d->kernels, d->kernel_capacity, k);
  d->n_kernels++;
}

// --- making one ------------------------------------------------------------------------------------------------------

static const shader_code *shader_named(const char *name, size_t length) {
  for (const shader_code *s = shader_table; s->name; s++)
    if (!strncmp(s->name, name, length) && !s->name[length]) return s;
  return NULL;
}

// The shader that declares the bindings of one that takes addresses; NULL: `name` takes none.
static const shader_code *twin_of(const char *name) {
  static const char suffix[] = "_addr";
  const size_t length = strlen(name), end = sizeof suffix - 1;
  if (length <= end || strcmp(name + length - end, suffix)) return NULL;
  const shader_code *twin = shader_named(name, length - end);
  REQUIRE(twin, "shader %s has no twin with bindings", name);
  return twin;
}

bool kernel_exists(const char *shader) {
  return shader_named(shader, strlen(shader)) != NULL;
}

// What the interface says against what the device (or the profile) allows.
static bool check_limits(const gpu_plan *plan, const reflection *r, err *e) {
  uint64_t invocations = (uint64_t)r->local_size[0] * r->local_size[1] * r->local_size[2];
  if (!invocations || invocations > plan->max_invocations)
    return ERR(e, "a workgroup of %u x %u x %u invocations; the device allows 1 to %u", r->local_size[0], r->local_size[1],
               r->local_size[2], plan->max_invocations);
  if (r->shared_bytes > plan->max_shared_bytes)
    return ERR(e, "%u bytes of shared memory; the device allows %u", r->shared_bytes, plan->max_shared_bytes);
  if (r->coopmat && !choose_takes_subgroups(plan, invocations))
    return ERR(e, "a workgroup of %llu invocations; the device allows %u subgroups of %u", (unsigned long long)invocations,
               plan->max_required_subgroups, plan->subgroup_size);
  return true;
}

static bool make_layout(gpu_device *d, gpu_kernel *k, err *e) {
  VkDescriptorSetLayoutBinding bindings[GPU_MAX_BINDINGS];
  uint32_t n = 0;
  for (uint32_t i = 0; i < k->info.n_bindings; i++) {
    if (!k->info.bindings[i].used) continue;
    bindings[n++] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                   .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                   .descriptorCount = 1,
                                                   .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
  }
  VkDescriptorSetLayoutCreateInfo set = {
      .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = n, .pBindings = bindings};
  TRY(VK(vkCreateDescriptorSetLayout(d->handle, &set, NULL, &k->set_layout)));
  const uint32_t addresses = k->info.takes_addresses ? k->addresses_at + 8 * k->info.n_bindings : 0;
  VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = addresses ? addresses : k->info.push_bytes};
  VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                       .setLayoutCount = k->info.takes_addresses ? 0 : 1,
                                       .pSetLayouts = &k->set_layout,
                                       .pushConstantRangeCount = push.size ? 1 : 0,
                                       .pPushConstantRanges = &push};
  return VK(vkCreatePipelineLayout(d->handle, &layout, NULL, &k->layout));
}

bool kernel_compile(gpu_device *d, gpu_kernel *k, err *e) {
  VkShaderModuleCreateInfo module = {
      .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = k->code->bytes, .pCode = k->code->words};
  VkShaderModule shader;
  TRY(VK(vkCreateShaderModule(d->handle, &module, NULL, &shader)));
  VkSpecializationMapEntry entries[GPU_MAX_SPEC];
  for (uint32_t i = 0; i < k->n_spec; i++) entries[i] = (VkSpecializationMapEntry){.constantID = i, .offset = i * 4, .size = 4};
  VkSpecializationInfo spec = {
      .mapEntryCount = k->n_spec, .pMapEntries = entries, .dataSize = k->n_spec * sizeof *k->spec, .pData = k->spec};
  const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo size = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
      .requiredSubgroupSize = d->plan.subgroup_size};
  VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                .module = shader,
                                                .pName = "main",
                                                .pSpecializationInfo = &spec},
                                      .layout = k->layout};
  if (k->full_subgroups) {
    if (!d->plan.one_subgroup_size) info.stage.pNext = &size;
    info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
  }
  if (d->reports)
    info.flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR | VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
  const bool ok = VK(vkCreateComputePipelines(d->handle, d->pipeline_cache, 1, &info, NULL, &k->pipeline));
  vkDestroyShaderModule(d->handle, shader, NULL);
  return ok;
}

static void free_one(gpu_device *d, gpu_kernel *k) {
  vkDestroyPipeline(d->handle, k->pipeline, NULL);
  vkDestroyPipelineLayout(d->handle, k->layout, NULL);
  vkDestroyDescriptorSetLayout(d->handle, k->set_layout, NULL);
}

// What a shader that takes addresses declares is its twin's; its push constants are the twin's, and an address a binding.
static bool reflect_twin(const shader_code *twin, const uint32_t *spec, uint32_t n_spec, reflection *r, uint32_t *addresses_at,
                         err *e) {
  reflection t;
  TRY(reflect(twin->words, twin->bytes, spec, n_spec, &t, e));
  *addresses_at = (t.push_bytes + 7) / 8 * 8;
  REQUIRE(r->push_bytes == *addresses_at + 8 * t.n_bindings, "%s by addresses: %u bytes of push constants", twin->name,
          r->push_bytes);
  r->push_bytes = t.push_bytes;
  r->n_bindings = t.n_bindings;
  memcpy(r->bindings, t.bindings, sizeof r->bindings);
  return true;
}

// All of a kernel but its pipeline.
static gpu_kernel *declare(gpu_device *d, const shader_code *code, const uint32_t *spec, uint32_t n_spec, err *e) {
  reflection r;
  const shader_code *twin = twin_of(code->name);
  uint32_t addresses_at = 0;
  REQUIRE(!twin || d->plan.on[GPU_FEATURE_BUFFER_ADDRESS], "%s without buffer addresses", code->name);
  if (!reflect(code->words, code->bytes, spec, n_spec, &r, e) || !check_limits(&d->plan, &r, e)) return NULL;
  if (twin && !reflect_twin(twin, spec, n_spec, &r, &addresses_at, e)) return NULL;
  gpu_kernel *k = ARENA_NEW(d->memory, gpu_kernel);
  k->code = code;
  k->key = key_of(code->name, spec, n_spec);
  k->n_spec = n_spec;
  if (n_spec) memcpy(k->spec, spec, n_spec * sizeof *spec);
  k->info = (kernel_info){
      .shader = code->name, .n_bindings = r.n_bindings, .push_bytes = r.push_bytes, .takes_addresses = twin != NULL};
  k->addresses_at = addresses_at;
  k->full_subgroups = r.coopmat;
  memcpy(k->info.local_size, r.local_size, sizeof r.local_size);
  memcpy(k->info.bindings, r.bindings, sizeof r.bindings);
  if (make_layout(d, k, e)) return k;
  free_one(d, k);
  return NULL;
}

static gpu_kernel *ask(gpu_device *d, const char *shader, const uint32_t *spec, uint32_t n_spec, err *e) {
  REQUIRE(n_spec <= GPU_MAX_SPEC, "shader %s: %u specialization constants", shader, n_spec);
  gpu_kernel *k = find(d, key_of(shader, spec, n_spec), shader, spec, n_spec);
  if (!k) {
    const shader_code *code = shader_named(shader, strlen(shader));
    REQUIRE(code, "no shader %s", shader);
    k = declare(d, code, spec, n_spec, e);
    if (k) remember(d, k);
  }
  if (k) kernel_pool_add(d, k);
  return k;
}

bool kernel_request(gpu_device *d, const char *shader, const uint32_t *spec, uint32_t n_spec, err *e) {
  return ask(d, shader, spec, n_spec, e) || err_prefix(e, "shader %s", shader);
}

gpu_kernel *kernel_get(gpu_device *d, const char *shader, const uint32_t *spec, uint32_t n_spec, err *e) {
  gpu_kernel *k = ask(d, shader, spec, n_spec, e);
  if (k && kernel_pool_wait(d, k, e)) return k;
  err_prefix(e, "shader %s", shader);
  return NULL;
}

void kernel_on_compiling(gpu_device *d, kernel_compiling *call, void *user) {
  d->on_compiling = call;
  d->on_compiling_user = user;
}

const kernel_info *kernel_get_info(const gpu_kernel *k) {
  return &k->info;
}

void kernel_describe(const gpu_kernel *k, text *out) {
  text_puts(out, k->info.shader);
  for (uint32_t i = 0; i < k->n_spec; i++) text_printf(out, "%c%u", i ? ',' : ' ', k->spec[i]);
}

void kernel_free_all(gpu_device *d) {
  for (uint64_t i = 0; i < d->kernel_capacity; i++)
    if (d->kernels[i]) free_one(d, d->kernels[i]);
  d->n_kernels = d->kernel_capacity = 0;
}
