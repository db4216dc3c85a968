// The messages, in protocol buffers' wire format (tensorflow/core/util/event.proto and framework/summary.proto):
//   Event       1 wall_time: double, 2 step: varint, 3 file_version: string, 5 summary: Summary, 7 session_log: SessionLog
//   Summary     1 value: Value, repeated
//   Value       1 tag: string, 2 simple_value: float
//   SessionLog  1 status: varint, 1 = START
// A field begins with (number << 3 | kind), kind 0 varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes.
#define _POSIX_C_SOURCE 200809L
#include "train/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "io/tfrecord.h"

struct tensorboard {
  FILE *file;
  const char *path;
  text records; // of the call at hand
};

static void put_varint(text *out, uint64_t v) {
  for (; v >= 0x80; v >>= 7) text_putc(out, (char)(v | 0x80));
  text_putc(out, (char)v);
}

static void put_bytes(text *out, int field, const char *bytes, size_t length) {
  put_varint(out, (uint64_t)field << 3 | 2);
  put_varint(out, length);
  text_put(out, bytes, length);
}

static void put_fixed(text *out, int field, uint64_t bits, int n_bytes) {
  put_varint(out, (uint64_t)field << 3 | (n_bytes == 8 ? 1 : 5));
  for (int i = 0; i < n_bytes; i++) text_putc(out, (char)(bits >> 8 * i & 0xFF));
}

static void put_number(text *out, int field, uint64_t v) {
  put_varint(out, (uint64_t)field << 3);
  put_varint(out, v);
}

static void begin_event(text *out, double time_, uint64_t step) {
  uint64_t bits;
  memcpy(&bits, &time_, sizeof bits);
  put_fixed(out, 1, bits, 8);
  if (step) put_number(out, 2, step);
}

static void end_event(text *out, text *event) {
  tfrecord_put(out, event->data, event->length);
  text_free(event);
}

void tensorboard_put_scalar(text *out, double time_, uint64_t step, const char *tag, float value) {
  text event = {0}, summary = {0}, one = {0};
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_bytes(&one, 1, tag, strlen(tag));
  put_fixed(&one, 2, bits, 4);
  put_bytes(&summary, 1, one.data, one.length);
  begin_event(&event, time_, step);
  put_bytes(&event, 5, summary.data, summary.length);
  end_event(out, &event);
  text_free(&summary);
  text_free(&one);
}

void tensorboard_put_version(text *out, double time_) {
  static const char version[] = "brain.Event:2";
  text event = {0};
  begin_event(&event, time_, 0);
  put_bytes(&event, 3, version, sizeof version - 1);
  end_event(out, &event);
}

// Of what other files of the directory have from `step` on, TensorBoard then shows nothing.
void tensorboard_put_resumed(text *out, double time_, uint64_t step) {
  static const char start[] = {1 << 3, 1};
  text event = {0};
  begin_event(&event, time_, step);
  put_bytes(&event, 7, start, sizeof start);
  end_event(out, &event);
}

// --- the file --------------------------------------------------------------------------------------------------------------

static double wall_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool flush(tensorboard *v, err *e) {
  const bool ok = fwrite(v->records.data, 1, v->records.length, v->file) == v->records.length && !fflush(v->file);
  text_clear(&v->records);
  return ok ? true : ERR(e, "%s: cannot write: %s", v->path, strerror(errno));
}

// TensorBoard reads the files of a directory in the order of their names, which begin with the time; no two are one.
static bool open_new(arena *a, const char *dir, tensorboard *v, err *e) {
  const long long now = (long long)wall_time();
  for (int i = 0; i < 1000; i++) {
    v->path = path_join(a, dir, arena_printf(a, "events.out.tfevents.%010lld.vkift.%d.%03d", now, (int)getpid(), i));
    const int fd = open(v->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      v->file = fdopen(fd, "wb");
      if (v->file) return true;
      close(fd);
      break;
    }
    if (errno != EEXIST) break;
  }
  return ERR(e, "%s: cannot create: %s", v->path, strerror(errno));
}

bool tensorboard_open(arena *a, const char *dir, uint64_t done, tensorboard **out, err *e) {
  tensorboard *v = ARENA_NEW(a, tensorboard);
  TRY(dir_make(dir, e));
  TRY(open_new(a, dir, v, e));
  *out = v;
  const double now = wall_time();
  tensorboard_put_version(&v->records, now);
  if (done) tensorboard_put_resumed(&v->records, now, done + 1);
  return flush(v, e);
}

void tensorboard_close(tensorboard *v) {
  if (!v) return;
  fclose(v->file);
  text_free(&v->records);
}

// A scalar of the event at hand.
static void put(tensorboard *v, int64_t step, const char *tag, double value) {
  tensorboard_put_scalar(&v->records, wall_time(), (uint64_t)step, tag, (float)value);
}

// Where TRL's DPOTrainer has them.
static void put_rewards(tensorboard *v, int64_t step, bool eval, const vkift_rewards *r) {
  if (!r->given) return;
  put(v, step, eval ? "eval/rewards/chosen" : "train/rewards/chosen", r->chosen);
  put(v, step, eval ? "eval/rewards/rejected" : "train/rewards/rejected", r->rejected);
  put(v, step, eval ? "eval/rewards/accuracies" : "train/rewards/accuracies", r->accuracy);
  put(v, step, eval ? "eval/rewards/margins" : "train/rewards/margins", r->chosen - r->rejected);
}

bool tensorboard_step(tensorboard *v, const vkift_step *row, err *e) {
  if (!v) return true;
  put(v, row->step, "train/loss", row->loss);
  put(v, row->step, "train/grad_norm", row->grad_norm);
  put(v, row->step, "train/learning_rate", row->learning_rate);
  put(v, row->step, "train/target_tokens_per_second", row->target_tokens_per_second);
  put(v, row->step, "train/epoch", row->epoch);
  put_rewards(v, row->step, false, &row->rewards);
  return flush(v, e);
}

bool tensorboard_evaluation(tensorboard *v, const vkift_eval_point *point, err *e) {
  if (!v) return true;
  put(v, point->step, "eval/loss", point->loss);
  if (point->perplexity > 0) put(v, point->step, "eval/perplexity", point->perplexity);
  if (point->accuracy >= 0) put(v, point->step, "eval/accuracy", point->accuracy);
  put_rewards(v, point->step, true, &point->rewards);
  return flush(v, e);
}
