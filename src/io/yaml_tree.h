// A YAML file as a document of json.h, so that the getters there work on it. Read strictly: one document of at most 1 MiB in
// UTF-8; no anchors, aliases, tags or NUL characters; no key twice in a mapping; at most YAML_TREE_DEPTH levels. Messages
// say "file:line: expected …, found …". Plain scalars are null, true, false and numbers as YAML 1.2's core schema has them
// ("yes" and "no" are strings, 0x1F and 0o17 numbers), and strings else; quoted and block scalars are strings. Keys are
// strings, however they are written. Infinity and NaN, which JSON lacks, are refused.
#ifndef IO_YAML_TREE_H
#define IO_YAML_TREE_H

#include "io/json.h"

enum { YAML_TREE_DEPTH = 64 };

// json_free when done. `origin` and `path` must live as long as doc.
bool yaml_tree_parse(const char *origin, const char *source, uint64_t length, json *doc, err *e);
bool yaml_tree_read(const char *path, json *doc, err *e);

#endif
