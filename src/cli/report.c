// vkift report: one page about a run.
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/options.h"

typedef struct report_flags {
  const char *output;
  bool markdown;
} report_flags;

static const option report_table[] = {
#define AT(field) .offset = offsetof(report_flags, field), .group = "Output"
    {"output", OPTION_PATH, AT(output), .unset = "report.html in the run directory; with --markdown stdout", .value = "FILE",
     .help = "where to write; what was there is replaced"},
    {"markdown", OPTION_BOOL, AT(markdown), .help = "the same as Markdown, without the plots"},
    {0},
#undef AT
};

static const command_help help = {
    .usage = "vkift report RUN [--output FILE.html] [--markdown]",
    .about =
        "Makes one page about a run: what was trained on what, curves, data, memory, predictions, and what is needed to run it "
        "again; of a cross-validation the scores on what was held out, losses first. The page is one file that works offline "
        "and loads nothing.",
    .example = "vkift report runs/first",
};

static bool write_page(arena *a, const report_flags *own, const char *run, const char *page, size_t length, err *e) {
  const char *path = own->output;
  if (!path && own->markdown) return fwrite(page, 1, length, stdout) == length || ERR(e, "stdout: cannot write");
  if (!path) path = path_join(a, run, "report.html");
  TRY(file_replace(path, page, length, e));
  printf("written: %s\n", path);
  return true;
}

bool report_run(int argc, char **argv, err *e) {
  report_flags own = {0};
  const report_flags defaults = {0};
  const option_set set = {report_table, &own};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, &set, 1, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, &set, (const void *const[]){&defaults}, 1);
  } else if (ok && !f.positional) {
    e->usage = true;
    ok = ERR(e, "give a run directory: vkift report RUN");
  } else if (ok) {
    vkift_report_options o = vkift_report_defaults();
    o.run = f.positional;
    o.markdown = own.markdown;
    vkift_error error = {0};
    char *page = NULL;
    size_t length = 0;
    ok = library_ok(vkift_report(&o, &page, &length, &error), &error, e) && write_page(a, &own, o.run, page, length, e);
    vkift_free(page);
  }
  arena_free(a);
  return ok;
}
