#define _GNU_SOURCE
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool file_map_open(const char *path, file_map *map, err *e) {
  *map = (file_map){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ERR(e, "%s: cannot open: %s", path, strerror(errno));
  struct stat st;
  void *data = NULL;
  if (fstat(fd, &st)) {
    ERR(e, "%s: cannot read its size: %s", path, strerror(errno));
  } else if (!S_ISREG(st.st_mode)) {
    ERR(e, "%s: expected a file, found %s", path, S_ISDIR(st.st_mode) ? "a directory" : "something that is no regular file");
  } else if (st.st_size == 0) {
    data = (void *)(uintptr_t) "";
  } else {
    data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      data = NULL;
      ERR(e, "%s: cannot map %lld bytes: %s", path, (long long)st.st_size, strerror(errno));
    }
  }
  close(fd);
  if (!data) return false;
  char *copy = strdup(path);
  REQUIRE(copy, "out of host memory for a path");
  *map = (file_map){.path = copy, .data = data, .size = (uint64_t)st.st_size};
  return true;
}

void file_unmap(file_map *map) {
  if (map->data && map->size) munmap((void *)(uintptr_t)map->data, (size_t)map->size);
  free((void *)(uintptr_t)map->path);
  *map = (file_map){0};
}

void file_map_let_go(const file_map *map, uint64_t from, uint64_t to) {
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  if (to > map->size) to = map->size;
  from = from / page * page;
  if (map->size && from < to) madvise((char *)(uintptr_t)map->data + from, (size_t)(to - from), MADV_DONTNEED);
}

bool file_read(arena *a, const char *path, uint64_t limit, char **data, uint64_t *size, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  bool ok = map.size <= limit;
  if (ok) {
    *data = arena_strndup(a, (const char *)map.data, (size_t)map.size);
    if (size) *size = map.size;
  } else {
    ERR(e, "%s: expected at most %llu bytes, found %llu", path, (unsigned long long)limit, (unsigned long long)map.size);
  }
  file_unmap(&map);
  return ok;
}

// "/proc/self/fd/3", by which an open file without a name can be given one; false where there is no /proc.
static bool proc_path(int fd, char path[64]) {
  snprintf(path, 64, "/proc/self/fd/%d", fd);
  struct stat st;
  return !stat(path, &st);
}

// Where the system can, the file has no name until it is finished: nothing is left of a program that is killed.
static int open_unnamed(const char *path) {
  char *copy = strdup(path), proc[64];
  REQUIRE(copy, "out of host memory for a path");
  char *slash = strrchr(copy, '/');
  if (slash && slash != copy) *slash = 0;
  const int fd = open(!slash ? "." : slash == copy ? "/" : copy, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  free(copy);
  if (fd < 0 || proc_path(fd, proc)) return fd;
  close(fd);
  return -1;
}

// Under a free name beside its place, with the rights that the umask leaves.
static int open_named(file_writer *w) {
  enum { TRIES = 100 };
  int fd = -1;
  for (int i = 0; i < TRIES && fd < 0 && (!i || errno == EEXIST); i++) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    sprintf(w->temporary, "%s.tmp-%06lx", w->path, (unsigned long)(now.tv_nsec ^ getpid() << 8 ^ i) & 0xFFFFFF);
    fd = open(w->temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
  }
  return fd;
}

bool file_writer_open(const char *path, file_writer *w, err *e) {
  *w = (file_writer){.path = strdup(path), .temporary = malloc(strlen(path) + 16)};
  REQUIRE(w->path && w->temporary, "out of host memory for a path");
  *w->temporary = 0;
  int fd = open_unnamed(path);
  w->is_unnamed = fd >= 0;
  if (fd < 0) fd = open_named(w);
  if (fd < 0) {
    ERR(e, "%s: cannot create a file beside it: %s", path, strerror(errno));
    free(w->path), free(w->temporary);
    *w = (file_writer){0};
    return false;
  }
  w->stream = fdopen(fd, "wb");
  REQUIRE(w->stream, "fdopen of %s", path);
  return true;
}

static bool copy_file(int from, int to) {
  char buffer[1 << 16];
  struct stat st;
  ssize_t n = -1;
  bool ok = !fstat(from, &st) && !fchmod(to, st.st_mode & 0777) && !lseek(from, 0, SEEK_SET);
  while (ok && (n = read(from, buffer, sizeof buffer)) > 0)
    for (ssize_t at = 0, put; ok && at < n; at += put) ok = (put = write(to, buffer + at, (size_t)(n - at))) > 0;
  return ok && !n && !fsync(to);
}

// A finished file without a name gets one beside its place, from where it is renamed. Where links are forbidden, a copy does.
static bool give_name(file_writer *w) {
  char from[64];
  if (!w->is_unnamed) return true;
  const int own = fileno(w->stream), fd = open_named(w); // linkat does not replace a file: its name is free again
  if (fd < 0) return false;
  w->is_unnamed = false;
  bool ok = proc_path(own, from) && !unlink(w->temporary) && !linkat(AT_FDCWD, from, AT_FDCWD, w->temporary, AT_SYMLINK_FOLLOW);
  if (!ok) {
    const int again = file_exists(w->temporary) ? fd : open(w->temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
    ok = again >= 0 && copy_file(own, again);
    if (again >= 0 && again != fd) close(again);
  }
  close(fd);
  return ok;
}

void file_writer_make_private(file_writer *w) {
  fchmod(fileno(w->stream), 0600);
}

bool file_write(file_writer *w, const void *data, uint64_t bytes, err *e) {
  if (bytes && fwrite(data, 1, (size_t)bytes, w->stream) != bytes)
    return ERR(e, "%s: cannot write: %s", w->path, strerror(errno));
  return true;
}

static bool sync_parent(const char *path, err *e) {
  char *copy = strdup(path);
  REQUIRE(copy, "out of host memory for a path");
  char *slash = strrchr(copy, '/');
  if (slash && slash != copy) *slash = 0;
  bool ok = dir_sync(!slash ? "." : slash == copy ? "/" : copy, e);
  free(copy);
  return ok;
}

bool file_writer_commit(file_writer *w, err *e) {
  bool ok = !fflush(w->stream) && !fsync(fileno(w->stream)) && give_name(w);
  if (!ok) ERR(e, "%s: cannot write: %s", w->path, strerror(errno));
  fclose(w->stream);
  w->stream = NULL;
  if (ok && rename(w->temporary, w->path)) ok = ERR(e, "%s: cannot rename the finished file: %s", w->path, strerror(errno));
  if (ok) ok = sync_parent(w->path, e);
  else if (*w->temporary) unlink(w->temporary);
  free(w->path), free(w->temporary);
  *w = (file_writer){0};
  return ok;
}

void file_writer_abort(file_writer *w) {
  if (!w->temporary) return;
  if (w->stream) fclose(w->stream);
  if (*w->temporary) unlink(w->temporary);
  free(w->path), free(w->temporary);
  *w = (file_writer){0};
}

bool file_may_be_written(arena *a, const char *path, err *e) {
  const char *dir = path_directory(a, path);
  file_writer w;
  if (file_is_dir(path)) return ERR(e, "%s: expected a file to write, found a directory", path);
  if (!file_is_dir(dir)) return ERR(e, "%s: expected a file in a directory, found no directory %s", path, dir);
  TRY(file_writer_open(path, &w, e));
  file_writer_abort(&w);
  return true;
}

bool file_replace(const char *path, const void *data, uint64_t bytes, err *e) {
  file_writer w;
  TRY(file_writer_open(path, &w, e));
  bool ok = file_write(&w, data, bytes, e) && file_writer_commit(&w, e);
  file_writer_abort(&w);
  return ok;
}

bool file_exists(const char *path) {
  struct stat st;
  return !stat(path, &st);
}

bool file_is_dir(const char *path) {
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

bool dir_make(const char *path, err *e) {
  char *copy = strdup(path);
  REQUIRE(copy, "out of host memory for a path");
  bool ok = true;
  for (char *p = copy + 1; ok; p++) {
    if (*p && *p != '/') continue;
    char kept = *p;
    *p = 0;
    if (mkdir(copy, 0755) && errno != EEXIST) ok = ERR(e, "%s: cannot create the directory: %s", copy, strerror(errno));
    *p = kept;
    if (!kept) break;
  }
  if (ok && !file_is_dir(path)) ok = ERR(e, "%s: expected a directory, found a file", path);
  free(copy);
  return ok;
}

bool dir_may_be_made(const char *path, err *e) {
  char *copy = strdup(path);
  REQUIRE(copy, "out of host memory for a path");
  while (!file_exists(copy)) {
    char *slash = strrchr(copy, '/');
    if (!slash || slash == copy) break;
    *slash = 0;
  }
  const char *above = file_exists(copy) ? copy : *path == '/' ? "/" : ".";
  bool ok = true;
  if (!file_is_dir(above)) ok = ERR(e, "%s: expected a directory to write %s in, found a file", above, path);
  else if (access(above, W_OK)) ok = ERR(e, "%s: cannot write %s there: %s", above, path, strerror(errno));
  free(copy);
  return ok;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

bool dir_list(arena *a, const char *path, char ***names, uint64_t *n, err *e) {
  DIR *dir = opendir(path);
  if (!dir) return ERR(e, "%s: cannot read the directory: %s", path, strerror(errno));
  uint64_t capacity = 0;
  *names = NULL;
  *n = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    arena_grow(a, (void **)names, &capacity, *n + 1, sizeof **names);
    (*names)[(*n)++] = arena_strdup(a, entry->d_name);
  }
  closedir(dir);
  if (*n) qsort(*names, (size_t)*n, sizeof **names, by_name);
  return true;
}

bool dir_is_empty(const char *path) {
  DIR *dir = opendir(path);
  if (!dir) return !file_exists(path);
  bool empty = true;
  for (struct dirent *entry; empty && (entry = readdir(dir));)
    empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
  closedir(dir);
  return empty;
}

bool dir_remove(const char *path, err *e) {
  arena *a = arena_new("directory listing");
  char **names;
  uint64_t n;
  bool ok = dir_list(a, path, &names, &n, e);
  for (uint64_t i = 0; ok && i < n; i++) {
    char *inside = path_join(a, path, names[i]);
    struct stat st;
    if (!lstat(inside, &st) && S_ISDIR(st.st_mode)) ok = dir_remove(inside, e);
    else if (unlink(inside)) ok = ERR(e, "%s: cannot remove: %s", inside, strerror(errno));
  }
  if (ok && rmdir(path)) ok = ERR(e, "%s: cannot remove the directory: %s", path, strerror(errno));
  arena_free(a);
  return ok;
}

bool dir_sync(const char *path, err *e) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ERR(e, "%s: cannot open the directory: %s", path, strerror(errno));
  bool ok = !fsync(fd) || errno == EINVAL; // some file systems cannot sync a directory
  if (!ok) ERR(e, "%s: cannot flush the directory: %s", path, strerror(errno));
  close(fd);
  return ok;
}

bool dir_rename(const char *from, const char *to, err *e) {
  if (rename(from, to)) return ERR(e, "%s: cannot rename to %s: %s", from, to, strerror(errno));
  return sync_parent(to, e);
}

char *cache_dir(arena *a) {
  const char *own = getenv("VKIFT_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (own && *own) return arena_strdup(a, own);
  if (xdg && *xdg == '/') return path_join(a, xdg, "vkift"); // the XDG specification ignores relative paths
  return home && *home ? path_join(a, home, ".cache/vkift") : NULL;
}

char *path_join(arena *a, const char *dir, const char *name) {
  size_t length = strlen(dir);
  return arena_printf(a, "%s%s%s", dir, length && dir[length - 1] == '/' ? "" : "/", name);
}

char *path_trim(arena *a, const char *path) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  return arena_strndup(a, path, n);
}

const char *path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *path_stem(arena *a, const char *path) {
  const char *name = path_name(path), *dot = strrchr(name, '.');
  return arena_strndup(a, name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

char *path_directory(arena *a, const char *path) {
  const char *name = path_name(path);
  return name == path ? arena_strdup(a, ".") : arena_strndup(a, path, (size_t)(name - path));
}

bool path_ends_with(const char *path, const char *suffix) {
  const size_t n = strlen(path), n_suffix = strlen(suffix);
  return n > n_suffix && !strcmp(path + n - n_suffix, suffix);
}
