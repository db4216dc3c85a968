// What the files of a classifier say beside those of its language model: the architecture's name (…ForSequenceClassification, whatever
// the family) and the labels.
//   config.json    "architectures": ["LlamaForSequenceClassification"], "id2label": {"0": "no", "1": "yes"}, "label2id", "num_labels"
//   labels.json    {"id2label": …} beside an adapter, since PEFT's files have no place for it
#ifndef MODELS_CLASSIFIER_H
#define MODELS_CLASSIFIER_H

#include "data/strings.h"
#include "io/json.h"

struct cJSON;

// The language models that a classifier of this name may be made of, and how many: none where it is no classifier's name.
int classifier_bases(arena *a, const char *architecture, const char *bases[2]);
// "LlamaForCausalLM", "GPT2LMHeadModel" → "LlamaForSequenceClassification"; one that is a classifier's already stays.
const char *classifier_architecture(arena *a, const char *language_model);

// id2label, else as many LABEL_0 as num_labels says (by default two), as transformers has it. *numbers: they are such names.
bool classifier_read_labels(arena *a, const json *config, strings *labels, bool *numbers, err *e);
// architectures, id2label, label2id and problem_type into a config.json. (num_labels is the length of id2label: transformers
// does not write it.)
void classifier_put_config(struct cJSON *config, const strings *labels);

// labels.json of an adapter's directory; *labels has none where there is no such file.
bool classifier_read_file(arena *a, const char *dir, strings *labels, err *e);
bool classifier_write_file(const char *dir, const strings *labels, err *e);

#endif
