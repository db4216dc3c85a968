// vkift devices: the GPUs found, what each offers, which paths vkift takes on it, and whether it computes right.
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "io/json.h"

typedef struct devices_options {
  bool check, json;
} devices_options;

static const option devices_table[] = {
#define AT(field) .offset = offsetof(devices_options, field), .group = "Options"
    {"check", OPTION_BOOL, AT(check), .help = "run small kernels with known answers on each device"},
    {"json", OPTION_BOOL, AT(json), .help = "print one JSON array"},
    {0},
#undef AT
};

static const command_help help = {
    .usage = "vkift devices [--check] [--json]",
    .about =
        "Lists the Vulkan devices, best first: what each offers, the limits and faster paths that vkift uses, and why a "
        "path is off.",
    .example = "vkift devices --check",
};

typedef struct listing {
  const devices_options *o;
  text out;
} listing;

static void put_check(text *out, const vkift_device_check *c) {
  const char *verdict = c->skipped ? "skipped" : c->ok ? "ok" : "WRONG";
  text_printf(out, "   check           %s: %s%s%s\n", c->what, verdict, *c->found ? ": " : "", c->found);
}

static void put_check_json(text *out, const vkift_device_check *c) {
  text_puts(out, "{\"what\": ");
  json_put_string(out, c->what);
  text_printf(out, ", \"ok\": %s, \"skipped\": %s, \"found\": ", c->ok ? "true" : "false", c->skipped ? "true" : "false");
  json_put_string(out, c->found);
  text_putc(out, '}');
}

// The report is an object: the checks go in as its last member.
static void put_json(text *out, const vkift_device *d) {
  text_puts(out, out->length ? ", " : "[");
  size_t length = strlen(d->json);
  text_put(out, d->json, length - 1);
  for (size_t i = 0; i < d->n_checks; i++) {
    text_puts(out, i ? ", " : ", \"checks\": [");
    put_check_json(out, &d->checks[i]);
  }
  text_puts(out, d->n_checks ? "]}" : "}");
}

static void on_device(void *user, const vkift_device *d) {
  listing *l = user;
  if (l->o->json) {
    put_json(&l->out, d);
    return;
  }
  if (l->out.length) text_putc(&l->out, '\n');
  text_puts(&l->out, d->report);
  for (size_t i = 0; i < d->n_checks; i++) put_check(&l->out, &d->checks[i]);
  if (d->advice) text_printf(&l->out, "   only software   %s\n", d->advice);
}

bool devices_run(int argc, char **argv, err *e) {
  devices_options o = {0};
  const devices_options defaults = {0};
  const option_set set = {devices_table, &o};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, &set, 1, NULL, argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, &set, (const void *const[]){&defaults}, 1);
  } else if (ok) {
    listing l = {.o = &o};
    vkift_error error = {0};
    ok = library_ok(vkift_devices(o.check, on_device, &l, &error), &error, e);
    if (l.out.length) printf("%s%s", l.out.data, o.json ? "]\n" : "");
    text_free(&l.out);
  }
  arena_free(a);
  return ok;
}
