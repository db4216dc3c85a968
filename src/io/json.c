#include "io/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "io/json_text.h"
#include "io/quote.h"

bool json_parse(const char *origin, const char *source, uint64_t length, json *doc, err *e) {
  *doc = (json){.origin = origin};
  if (length >= 2 && (!memcmp(source, "\xFF\xFE", 2) || !memcmp(source, "\xFE\xFF", 2)))
    return ERR(e, "%s: line 1, column 1: expected JSON in UTF-8, found UTF-16", origin);
  if (length >= 3 && !memcmp(source, "\xEF\xBB\xBF", 3)) source += 3, length -= 3;
  TRY(json_text_check(origin, source, length, e));
  doc->root = cJSON_ParseWithLength(source, (size_t)length);
  // cJSON takes all that the check lets through, so that only memory can be missing.
  if (!doc->root) return ERR(e, "%s: not enough host memory for %llu bytes of JSON", origin, (unsigned long long)length);
  return true;
}

bool json_read(const char *path, uint64_t limit, json *doc, err *e) {
  *doc = (json){.origin = path};
  file_map map;
  TRY(file_map_open(path, &map, e));
  bool ok = map.size <= limit;
  if (ok) ok = json_parse(path, (const char *)map.data, map.size, doc, e);
  else ERR(e, "%s: expected at most %llu bytes, found %llu", path, (unsigned long long)limit, (unsigned long long)map.size);
  file_unmap(&map);
  return ok;
}

void json_free(json *doc) {
  cJSON_Delete(doc->root);
  doc->root = NULL;
}

const char *json_describe(const cJSON *value, char buffer[64]) {
  char string[48];
  if (!value) return "nothing";
  switch (value->type & 0xFF) {
    case cJSON_NULL: return "null";
    case cJSON_False: return "false";
    case cJSON_True: return "true";
    case cJSON_Number:
      snprintf(buffer, 64, "the number %.15g", value->valuedouble);
      if (strtod(buffer + 11, NULL) != value->valuedouble) snprintf(buffer, 64, "the number %.17g", value->valuedouble);
      break;
    case cJSON_String:
      snprintf(buffer, 64, "a string %s", quote_short(value->valuestring, strlen(value->valuestring), string, sizeof string));
      break;
    case cJSON_Array: snprintf(buffer, 64, "an array of %d", cJSON_GetArraySize(value)); break;
    case cJSON_Object: snprintf(buffer, 64, "an object of %d", cJSON_GetArraySize(value)); break;
    default: REQUIRE(false, "cJSON type %d", value->type);
  }
  return buffer;
}

// `key` NULL: the value at `where` itself.
static bool mismatch(const json *d, const char *where, const char *key, const char *expected, const cJSON *found, err *e) {
  char buffer[64], place[QUOTE_BYTES];
  const char *dot = *where && key ? "." : "", *last = key ? key : *where ? "" : "the top level";
  snprintf(place, sizeof place, "%s%s%s", where, dot, last);
  return ERR(e, "%s: %s: expected %s, found %s", d->origin, place, expected, json_describe(found, buffer));
}

// The field, or NULL where it is missing (or null, when it is optional).
static bool field(const json *d, const cJSON *in, const char *where, const char *key, bool optional, const cJSON **found,
                  err *e) {
  if (!cJSON_IsObject(in)) return mismatch(d, where, NULL, "an object", in, e);
  *found = cJSON_GetObjectItemCaseSensitive(in, key);
  if (optional && cJSON_IsNull(*found)) *found = NULL;
  return true;
}

bool json_object(const json *d, const cJSON *in, const char *where, const char *key, cJSON **value, err *e) {
  const cJSON *found = NULL;
  TRY(field(d, in, where, key, false, &found, e));
  if (!cJSON_IsObject(found)) return mismatch(d, where, key, "an object", found, e);
  *value = (cJSON *)(uintptr_t)found;
  return true;
}

bool json_array(const json *d, const cJSON *in, const char *where, const char *key, cJSON **value, err *e) {
  const cJSON *found = NULL;
  TRY(field(d, in, where, key, false, &found, e));
  if (!cJSON_IsArray(found)) return mismatch(d, where, key, "an array", found, e);
  *value = (cJSON *)(uintptr_t)found;
  return true;
}

static bool get_string(const json *d, const cJSON *in, const char *where, const char *key, bool optional, const char **value,
                       err *e) {
  const cJSON *found = NULL;
  TRY(field(d, in, where, key, optional, &found, e));
  if (!found && optional) return true;
  if (!cJSON_IsString(found)) return mismatch(d, where, key, "a string", found, e);
  *value = found->valuestring;
  return true;
}

static bool get_u32(const json *d, const cJSON *in, const char *where, const char *key, bool optional, uint32_t *value, err *e) {
  const cJSON *found = NULL;
  TRY(field(d, in, where, key, optional, &found, e));
  if (!found && optional) return true;
  double x = cJSON_IsNumber(found) ? found->valuedouble : -1;
  if (!(x >= 0 && x <= UINT32_MAX && x == floor(x)))
    return mismatch(d, where, key, "a whole number from 0 to 4294967295", found, e);
  *value = (uint32_t)x;
  return true;
}

static bool get_number(const json *d, const cJSON *in, const char *where, const char *key, bool optional, double *value, err *e) {
  const cJSON *found = NULL;
  TRY(field(d, in, where, key, optional, &found, e));
  if (!found && optional) return true;
  if (!cJSON_IsNumber(found) || !isfinite(found->valuedouble)) return mismatch(d, where, key, "a finite number", found, e);
  *value = found->valuedouble;
  return true;
}

static bool get_bool(const json *d, const cJSON *in, const char *where, const char *key, bool optional, bool *value, err *e) {
  const cJSON *found = NULL;
  TRY(field(d, in, where, key, optional, &found, e));
  if (!found && optional) return true;
  if (!cJSON_IsBool(found)) return mismatch(d, where, key, "true or false", found, e);
  *value = cJSON_IsTrue(found);
  return true;
}

bool json_string(const json *d, const cJSON *in, const char *where, const char *key, const char **value, err *e) {
  return get_string(d, in, where, key, false, value, e);
}

bool json_string_or(const json *d, const cJSON *in, const char *where, const char *key, const char **value, err *e) {
  return get_string(d, in, where, key, true, value, e);
}

bool json_u32(const json *d, const cJSON *in, const char *where, const char *key, uint32_t *value, err *e) {
  return get_u32(d, in, where, key, false, value, e);
}

bool json_u32_or(const json *d, const cJSON *in, const char *where, const char *key, uint32_t *value, err *e) {
  return get_u32(d, in, where, key, true, value, e);
}

bool json_number(const json *d, const cJSON *in, const char *where, const char *key, double *value, err *e) {
  return get_number(d, in, where, key, false, value, e);
}

bool json_number_or(const json *d, const cJSON *in, const char *where, const char *key, double *value, err *e) {
  return get_number(d, in, where, key, true, value, e);
}

bool json_bool(const json *d, const cJSON *in, const char *where, const char *key, bool *value, err *e) {
  return get_bool(d, in, where, key, false, value, e);
}

bool json_bool_or(const json *d, const cJSON *in, const char *where, const char *key, bool *value, err *e) {
  return get_bool(d, in, where, key, true, value, e);
}

static bool unknown_key(const json *d, const char *where, const char *found, const char *const *keys, err *e) {
  const char *nearest = nearest_name(keys, found);
  char shown[QUOTE_BYTES];
  text all = {0};
  for (const char *const *k = keys; *k; k++) text_printf(&all, "%s%s", k > keys ? ", " : "", *k);
  ERR(e, "%s: %s: expected keys among %s, found %s%s%s%s", d->origin, *where ? where : "the top level", all.data,
      quote_string(found, shown), nearest ? ": did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
  text_free(&all);
  return false;
}

bool json_check_keys(const json *d, const cJSON *in, const char *where, const char *const *keys, err *e) {
  const cJSON *item;
  if (!cJSON_IsObject(in)) return mismatch(d, where, NULL, "a mapping of keys to values", in, e);
  cJSON_ArrayForEach(item, in) {
    const char *const *k = keys;
    while (*k && strcmp(*k, item->string)) k++;
    if (!*k) return unknown_key(d, where, item->string, keys, e);
  }
  return true;
}
