#include "config/make_options.h"

#include <math.h>

#include "config/train_options.h"

static const char *const what_names[] = {
    [VKIFT_MAKE_BOTH] = "both", [VKIFT_MAKE_INPUTS] = "inputs", [VKIFT_MAKE_INSTRUCTIONS] = "instructions", NULL};

const option make_option_table[] = {
#define AT(field) .offset = offsetof(vkift_make_options, field), .group = "Data"
    {"guideline", OPTION_LIST, AT(guidelines), .rules = OPTION_WHOLE | OPTION_NOT_RECORDED, .unset = "none", .value = "FILE",
     .help = "a task file of Super-NaturalInstructions or Natural Instructions (its instances may be missing), or notes on tasks "
             "(.yaml, as --task-notes of vkift train); may be repeated"},
    {"seeds", OPTION_LIST, AT(seeds), .rules = OPTION_WHOLE | OPTION_NOT_RECORDED, .unset = "none", .value = "PATH",
     .help = "examples of people, in any form with an instruction and an answer; may be repeated. Those of a guideline's task "
             "are shown as its own"},
    {"data_format", OPTION_ENUM, AT(reading.data_format), .rules = OPTION_NOT_RECORDED, .names = data_format_names,
     .value = "FORMAT", .help = "of the seeds, as for vkift train"},
    {"skip_bad_examples", OPTION_BOOL, AT(reading.skip_bad_examples), .rules = OPTION_NOT_RECORDED,
     .help = "pass over bad lines of the seeds"},
    {"strip_suffix", OPTION_TEXT, AT(reading.strip_suffix), .rules = OPTION_NOT_RECORDED, .unset = "none",
     .help = "an end marker that answers of the seeds carry as text; removed"},
    {"output", OPTION_PATH, AT(output), .rules = OPTION_NOT_RECORDED, .value = "FILE", .unset = "none",
     .help = "JSON Lines, written whole at the end; FILE.journal beside it keeps every attempt"},
    {"num_rows", OPTION_INTEGER, AT(num_rows), .rules = OPTION_NOT_RECORDED, .least = 1, .most = 1e9,
     .help = "rows to be made; more of them later go on from there"},
    {"max_attempts", OPTION_INTEGER, AT(max_attempts), .rules = OPTION_NOT_RECORDED, .least = 0, .most = 1e9,
     .unset = "20 for each row", .help = "end after so many, with what there is"},
#undef AT
#define AT(field) .offset = offsetof(vkift_make_options, field), .group = "Prompts"
    {"write", OPTION_ENUM, AT(write), .names = what_names,
     .help = "inputs: new inputs of the guideline's task, whose definition is the instruction; instructions: new instructions of "
             "its kind, with input and answer; both: in turn"},
    {"num_seeds", OPTION_INTEGER, AT(num_seeds), .least = 0, .most = 100, .help = "seeds that a prompt shows"},
    {"num_pos_examples", OPTION_INTEGER, AT(reading.num_pos_examples), .least = 0, .most = 100,
     .help = "right examples of the guideline that a prompt shows"},
    {"num_neg_examples", OPTION_INTEGER, AT(reading.num_neg_examples), .least = 0, .most = 100,
     .help = "wrong examples of the guideline that a prompt shows"},
    {"add_explanation", OPTION_BOOL, AT(reading.add_explanation), .help = "say of wrong ones why they are"},
    {"num_made", OPTION_INTEGER, AT(num_made), .least = 0, .most = 100, .help = "earlier rows that a prompt shows"},
    {"max_length", OPTION_INTEGER, AT(max_length), .least = 2, .most = 1 << 24, .unset = "2048, or the model's context",
     .help = "tokens of prompt and answer; where it is too long, fewer examples are shown"},
#undef AT
#define AT(field) .offset = offsetof(vkift_make_options, field), .group = "Answers"
    {"max_new_tokens", OPTION_INTEGER, AT(max_new_tokens), .least = 1, .most = 1 << 20,
     .help = "what has no end by then is left out"},
    {"temperature", OPTION_NUMBER, AT(temperature), .least = 0, .most = 100, .help = "0: always the most likely token"},
    {"top_k", OPTION_INTEGER, AT(top_k), .least = 0, .most = 1 << 30, .help = "sample among so many likeliest tokens; 0: all"},
    {"top_p", OPTION_NUMBER, AT(top_p), .least = 0, .most = 1, .rules = OPTION_ABOVE_LEAST,
     .help = "sample among the likeliest tokens that together have this probability"},
    {"min_p", OPTION_NUMBER, AT(min_p), .least = 0, .most = 1,
     .help = "sample among tokens at least so likely, as a share of the likeliest one"},
    {"repetition_penalty", OPTION_NUMBER, AT(repetition_penalty), .least = 0, .most = 1000, .rules = OPTION_ABOVE_LEAST,
     .help = "above 1 makes tokens of the prompt and the answer so far less likely"},
    {"stop", OPTION_LIST, AT(stop), .rules = OPTION_WHOLE, .unset = "none", .value = "TEXT",
     .help = "an answer ends before this text; may be given several times"},
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = INFINITY, .help = "of what prompts show, and of the sampling"},
    {"batch_size", OPTION_INTEGER, AT(batch_size), .least = 1, .most = 64,
     .help = "attempts at once; a prompt shows rows of batches before its own"},
#undef AT
#define AT(field) .offset = offsetof(vkift_make_options, field), .group = "Filters"
    {"similarity", OPTION_NUMBER, AT(similarity), .least = 0, .most = 2, .rules = OPTION_ABOVE_LEAST,
     .help = "ROUGE-L from which on a row is a near duplicate of what exists; above 1: none is"},
    {"min_words", OPTION_INTEGER, AT(min_words), .least = 1, .most = 1e9,
     .help = "of a new instruction, or a new input (of which an example of the guideline may have fewer)"},
    {"max_words", OPTION_INTEGER, AT(max_words), .least = 1, .most = 1e9, .help = "of instruction, input and output each"},
    {0},
#undef AT
};
