// vkift: the table of commands. The only place that prints an error and picks the exit status: 0 done, 1 failed, 2 wrong
// usage.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/nearest.h"
#include "cli/cli.h"

typedef struct command {
  const char *name;
  bool (*run)(int argc, char **argv, err *e);
  const char *summary;
} command;

static const command commands[] = {
    {"train", train_run, "finetune a model on instruction data"},
    {"generate", generate_run, "complete a prompt, or chat"},
    {"eval", eval_run, "score a model on a data set"},
    {"crossval", crossval_run, "leave-one-cluster-out: tune on all clusters of tasks but one, score on that one"},
    {"export", export_run, "write what was trained as other tools load it: Hugging Face, PEFT, GGUF"},
    {"report", report_run, "one page about a run: curves, data, memory, scores, predictions"},
    {"data", data_run, "show what a model would be trained on, or check a whole data set"},
    {"plan", plan_run, "memory, operations and time of a training run, before it runs"},
    {"bench", bench_run, "speed of the kernels and of a training step, beside the device's peaks"},
    {"devices", devices_run, "the GPUs found, what vkift uses of them, and a known-answer check"},
    {"tokenize", tokenize_run, "text to token ids and back"},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

// A signal handler can reach nothing but static storage; this is the one variable of the program.
static volatile sig_atomic_t stop_asked;

static void on_signal(int signal_number) {
  stop_asked = signal_number;
}

bool interrupted(void *unused) {
  (void)unused;
  return stop_asked != 0;
}

// SA_RESETHAND: the second Ctrl-C finds the default action and ends the program at once.
void interrupts_catch(bool in_reads) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | (in_reads ? 0 : SA_RESTART)};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

bool interrupt_forgotten(bool in_reads) {
  if (stop_asked != SIGINT) return false;
  stop_asked = 0;
  interrupts_catch(in_reads);
  return true;
}

bool library_ok(vkift_status status, const vkift_error *error, err *e) {
  if (status == VKIFT_OK) return true;
  e->usage = status == VKIFT_USAGE;
  return ERR(e, "%s", error->message);
}

static void print_help(void) {
  printf("vkift %s: instruction-tunes pretrained language models on any Vulkan device\n\n", vkift_version());
  puts("usage: vkift COMMAND [options]\n\ncommands");
  for (int i = 0; i < N_COMMANDS; i++) printf("  %-10s %s\n", commands[i].name, commands[i].summary);
  puts("\nvkift COMMAND --help explains a command and its options; vkift --version prints the version.");
}

// NULL: there is none of this name, and `e` says what is near it.
static const command *find_command(const char *given, err *e) {
  for (int i = 0; i < N_COMMANDS; i++)
    if (!strcmp(commands[i].name, given)) return &commands[i];
  const char *names[N_COMMANDS + 1] = {0};
  for (int i = 0; i < N_COMMANDS; i++) names[i] = commands[i].name;
  const char *nearest = nearest_name(names, given);
  e->usage = true;
  if (nearest) ERR(e, "unknown command '%.100s': did you mean %s?", given, nearest);
  else ERR(e, "unknown command '%.100s': vkift --help lists them", given);
  return NULL;
}

// vkift help COMMAND is vkift COMMAND --help.
static bool help(int argc, char **argv, err *e) {
  if (!argc) return print_help(), true;
  const command *named = find_command(argv[0], e);
  return named && named->run(1, (char *[]){"--help"}, e);
}

static bool run(int argc, char **argv, err *e) {
  const char *word = argc > 1 ? argv[1] : NULL;
  if (!word) {
    e->usage = true;
    return ERR(e, "no command is given: vkift --help lists them");
  }
  if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return help(argc - 2, argv + 2, e);
  if (!strcmp(word, "--version")) return printf("vkift %s\n", vkift_version()), true;
  const command *named = find_command(word, e);
  return named && named->run(argc - 2, argv + 2, e);
}

// A file that is opened later would take the number of a standard stream that is closed, and be read or written as it.
static void guard_streams(void) {
  for (int i = 0; i < 3; i++)
    if (fcntl(i, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != i) abort();
}

int main(int argc, char **argv) {
  err e = {0};
  guard_streams();
  bool ok = run(argc, argv, &e);
  const bool unflushed = fflush(stdout) != 0;
  const char *why = unflushed ? strerror(errno) : "some of the output was lost";
  if (unflushed || ferror(stdout)) {
    e = (err){0}; // another failure is only what came of it
    ok = ERR(&e, "stdout: cannot write: %s", why);
  }
  if (ok) return 0;
  if (log_stderr_is_terminal()) fputs("\r\033[K", stderr); // what is left of a progress line
  fprintf(stderr, "vkift: error: %s\n", e.message);
  return e.usage ? 2 : 1;
}
