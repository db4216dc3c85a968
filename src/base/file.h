// Files: mapped reading, and writing that appears whole or not at all (written beside, flushed, renamed).
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"

// A file mapped read-only. Owned by the caller: file_unmap. An empty file has size 0 and data "".
typedef struct file_map {
  const char *path; // copied; lives as long as the map
  const uint8_t *data;
  uint64_t size;
} file_map;

bool file_map_open(const char *path, file_map *map, err *e);
void file_unmap(file_map *map); // a zeroed map is fine
// Bytes [from, to) need not stay in memory: they are read again when they are touched again.
void file_map_let_go(const file_map *map, uint64_t from, uint64_t to);

// The whole file in the arena with a NUL behind it; refused when it is larger than `limit` bytes.
bool file_read(arena *a, const char *path, uint64_t limit, char **data, uint64_t *size, err *e);

// A new version of `path`, without a name or under a temporary one in the same directory. commit: flush, fsync, rename, fsync the
// directory. abort (or commit's failure): the temporary file is removed and what was at `path` stays as it was.
typedef struct file_writer {
  FILE *stream;
  char *path, *temporary;
  bool is_unnamed; // until it is committed
} file_writer;

bool file_writer_open(const char *path, file_writer *w, err *e);
void file_writer_make_private(file_writer *w); // nobody but its owner may read it
bool file_write(file_writer *w, const void *data, uint64_t bytes, err *e);
bool file_writer_commit(file_writer *w, err *e);
void file_writer_abort(file_writer *w); // after commit: does nothing

// Writes a whole small file the same way.
bool file_replace(const char *path, const void *data, uint64_t bytes, err *e);
// For what is written after long work: whether it could be now.
bool file_may_be_written(arena *a, const char *path, err *e);

bool file_exists(const char *path); // of any kind
bool file_is_dir(const char *path);
bool dir_make(const char *path, err *e);                   // with parents; an existing directory is fine
bool dir_may_be_made(const char *path, err *e);            // it, or the first that is there above it, can be written
bool dir_is_empty(const char *path);                       // true also when there is none
bool dir_remove(const char *path, err *e);                 // with all in it
bool dir_sync(const char *path, err *e);                   // fsync of the directory itself
bool dir_rename(const char *from, const char *to, err *e); // atomic; syncs the parent
bool dir_list(arena *a, const char *path, char ***names, uint64_t *n, err *e); // sorted, without . and ..
char *cache_dir(arena *a); // $VKIFT_CACHE_DIR, else vkift's in the user's cache directory (XDG); NULL where there is no home
char *path_join(arena *a, const char *dir, const char *name);
char *path_trim(arena *a, const char *path);               // without slashes at its end
const char *path_name(const char *path);                   // what stands behind the last slash
char *path_stem(arena *a, const char *path);               // … without its last ending: "tasks.v1" of "dir/tasks.v1.json"
char *path_directory(arena *a, const char *path);          // what stands before it; "." where there is none
bool path_ends_with(const char *path, const char *suffix); // and has something in front of it

#endif
