// What the commands share. A command is one file: its options, the call of the library, and how the result is shown.
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"
#include "vkift.h"

// The commands. `argv` begins behind the command's name. False: `e` says why, and main prints it.
bool train_run(int argc, char **argv, err *e);
bool generate_run(int argc, char **argv, err *e);
bool eval_run(int argc, char **argv, err *e);
bool crossval_run(int argc, char **argv, err *e);
bool export_run(int argc, char **argv, err *e);
bool report_run(int argc, char **argv, err *e);
bool data_run(int argc, char **argv, err *e);
bool tokenize_run(int argc, char **argv, err *e);
bool plan_run(int argc, char **argv, err *e);
bool bench_run(int argc, char **argv, err *e);
bool devices_run(int argc, char **argv, err *e);

// The library's status as an err of ours: true when it is VKIFT_OK.
bool library_ok(vkift_status status, const vkift_error *error, err *e);

// main.c — Ctrl-C and SIGTERM. From interrupts_catch on the first of them only makes interrupted() true, which is every
// command's should_stop callback; the second ends the program at once. in_reads: a wait for a line of stdin ends too.
void interrupts_catch(bool in_reads);
bool interrupted(void *unused);
// Where a Ctrl-C was for what has just been stopped alone: from now on the next one counts as the first. False where none came,
// or a SIGTERM, which is for the program.
bool interrupt_forgotten(bool in_reads);

#endif
