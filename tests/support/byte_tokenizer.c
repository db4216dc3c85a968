#define _GNU_SOURCE
#include "support/byte_tokenizer.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// GPT-2's alphabet: printable bytes of Latin-1 stand for themselves, the others for U+0100 and up in their order.
static uint32_t letter_of(uint32_t byte, uint32_t *next) {
  bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
  return printable ? byte : (*next)++;
}

static void put_vocab(text *out) {
  for (uint32_t byte = 0, next = 256; byte < 256; byte++) {
    uint32_t letter = letter_of(byte, &next);
    char utf8[4];
    int n = utf8_encode(letter, utf8);
    text_printf(out, "\"%s%.*s\":%u,", letter == '"' || letter == '\\' ? "\\" : "", n, utf8, byte);
  }
  text_puts(out,
            "\"th\":256,\"the\":257,\"\xC4\x8A\xC4\x8A\":258," // U+010A is a newline
            "\"<|endoftext|>\":259,\"<|im_start|>\":260,\"<|im_end|>\":261");
}

void byte_tokenizer_json(bool adds_bos, text *out) {
  text_puts(out, "{\"version\":\"1.0\",\"added_tokens\":[");
  const char *const added[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  for (int i = 0; i < 3; i++)
    text_printf(out,
                "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
                "\"special\":true}",
                i ? "," : "", BYTE_EOS + i, added[i]);
  text_puts(out,
            "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
            "\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":");
  text_puts(out, !adds_bos ? "null"
                           : "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<|endoftext|>\","
                             "\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[{\"Sequence\":"
                             "{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],\"special_tokens\":"
                             "{\"<|endoftext|>\":{\"id\":\"<|endoftext|>\",\"ids\":[259],\"tokens\":[\"<|endoftext|>\"]}}}");
  text_puts(out,
            ",\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},"
            "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,"
            "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\"vocab\":{");
  put_vocab(out);
  text_puts(out, "},\"merges\":[\"t h\",\"th e\",\"\xC4\x8A \xC4\x8A\"]}}");
}

tokenizer *byte_tokenizer(arena *a, bool adds_bos) {
  text source = {0};
  byte_tokenizer_json(adds_bos, &source);
  int fd = memfd_create("tokenizer.json", MFD_CLOEXEC); // the reader takes a path: a file in memory has one
  REQUIRE(fd >= 0 && write(fd, source.data, source.length) == (ssize_t)source.length, "a file of %zu bytes in memory",
          source.length);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  tokenizer *t = NULL;
  err e = {0};
  REQUIRE(tokenizer_read(a, path, &t, &e), "%s", e.message);
  close(fd);
  text_free(&source);
  return t;
}
