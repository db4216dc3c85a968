// The tokenised form of large data sets on disk, so that the next run on them begins at once and no run holds them in memory.
// A file of it is found by all that decides its contents: the bytes of the data, the tokenizer, the prompt, and how rows are
// read. It lies in `data` of vkift's cache directory (cache_dir); one that nobody used for 30 days is removed when another is
// written.
#ifndef DATA_TOKEN_CACHE_H
#define DATA_TOKEN_CACHE_H

#include "data/dataset_files.h"
#include "data/tokenised.h"

// $VKIFT_DATA_CACHE: "off", or the bytes of data from which on they are kept; 8 MiB where it is not set. false: it is neither.
bool token_cache_wanted(uint64_t data_bytes, bool *wanted, err *e);

// Reads all the files once. false where one cannot be read.
bool token_cache_key(const dataset_files *files, const dataset_options *options, tokenised_key *key, err *e);

// Where the file of this key is or will be; NULL where there is no place for it.
const char *token_cache_path(arena *a, tokenised_key key);
bool token_cache_make_dir(const char *path_of_one, err *e);

// Changes where one of the files is another, or was written to.
uint64_t token_cache_stamp(const dataset_files *files);

// Appends what a file of the cache holds to `set`; false where there is none that is good. It stays mapped as long as the arena
// lives.
bool token_cache_open(arena *a, const char *path, tokenised_key key, const dataset_options *options, const dataset_files *files,
                      dataset *set, tokenised_counts *counts);

// Removes the files that have not been used for long; best effort.
void token_cache_clean(const char *path_of_one);

#endif
