#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "report/page.h"

enum { MOST_PROMPT = 1200, MOST_ANSWER = 800, MOST_LABEL = 120, MOST_GROUPS_SHOWN = 60 };

bool page_fact(const json *file, const char *object, const char *key, double *value, err *e) {
  *value = NAN;
  cJSON *in = file->root;
  if (!in) return true;
  if (object) {
    if (!cJSON_GetObjectItemCaseSensitive(in, object)) return true;
    TRY(json_object(file, file->root, "", object, &in, e));
  }
  return json_number_or(file, in, object ? object : "", key, value, e);
}

// --- predictions -----------------------------------------------------------------------------------------------------------

static void put_part(doc *d, const char *css_class, const char *label, const char *words, size_t most) {
  if (!words) return;
  if (d->markdown) {
    text_printf(&d->out, "  - %s: ", label);
    doc_quote_cut(d, *words ? words : "(nothing)", most);
    text_putc(&d->out, '\n');
    return;
  }
  doc_html(d, "<dt>%s</dt><dd class=\"%s\">", label, css_class);
  if (*words) doc_quote_cut(d, words, most);
  else doc_html(d, "<em>nothing</em>");
  doc_html(d, "</dd>");
}

// 100 and 0 as they are, 33.3 with its digits.
static void put_score(doc *d, double score, const char *file, uint32_t line, const char *key) {
  doc_number(d, score, score == floor(score) ? NUMBER_COUNT : NUMBER_DIGITS, 3, "predictions/%s:%u/%s", file, line, key);
}

static void put_prediction(doc *d, const prediction *p) {
  text_puts(&d->out, d->markdown ? "- " : "<article class=\"prediction\"><header>");
  if (p->task) doc_quote_cut(d, p->task, MOST_LABEL);
  doc_html(d, "<span class=\"score\">");
  doc_say(d, p->task && d->markdown ? ", " : "");
  if (p->metric) doc_quote_cut(d, p->metric, MOST_LABEL), doc_say(d, " ");
  if (isfinite(p->score_base)) {
    if (p->base_file) put_score(d, p->score_base, p->base_file, p->base_line, "score");
    else put_score(d, p->score_base, p->file, p->line, "score_base");
    doc_say(d, " \xE2\x86\x92 ");
  }
  put_score(d, p->score, p->file, p->line, "score");
  text_puts(&d->out, d->markdown ? "\n" : "</span></header><dl>");
  put_part(d, "prompt", "prompt", p->prompt, MOST_PROMPT);
  for (uint64_t i = 0; i < p->n_references; i++) put_part(d, "reference", i ? "or" : "expected", p->references[i], MOST_ANSWER);
  put_part(d, "base", "base", p->base, MOST_ANSWER);
  put_part(d, "tuned", p->base ? "tuned" : "answer", p->text, MOST_ANSWER);
  doc_html(d, "</dl></article>\n");
}

static void put_list(doc *d, const char *title, const prediction *list, uint64_t n) {
  if (!n) return;
  if (d->markdown) text_printf(&d->out, "%s:\n\n", title);
  else doc_html(d, "<h4>%s</h4>\n", title);
  for (uint64_t i = 0; i < n; i++) put_prediction(d, &list[i]);
  if (d->markdown) text_putc(&d->out, '\n');
}

void page_prediction_group(doc *d, const prediction_group *g) {
  put_list(d, "Best", g->best, g->n_best);
  put_list(d, "Worst", g->worst, g->n_worst);
}

static void put_group(doc *d, const prediction_group *g, bool is_open) {
  text_puts(&d->out, d->markdown ? "### "
                     : is_open   ? "<details class=\"group\" open><summary>"
                                 : "<details class=\"group\"><summary>");
  doc_quote_cut(d, g->cluster, MOST_LABEL);
  text_puts(&d->out, d->markdown ? "\n\n" : "</summary>\n");
  page_prediction_group(d, g);
  doc_end_details(d);
}

void page_predictions(doc *d, const page_run *r, bool by_cluster) {
  const best_worst *p = &r->predictions;
  if (!p->n) return;
  doc_section(d, "predictions", "Best and worst predictions");
  doc_paragraph(d, NULL);
  doc_say(d, by_cluster
                 ? "Of each cluster those with the highest and the lowest score; among equals, where tuning gained or lost "
                   "most, and then the first. Long texts are cut here; the files in "
                 : "Those with the highest and the lowest score. Long texts are cut here; the files in ");
  doc_term(d, "predictions/");
  doc_say(d, " have all of them.");
  if (p->n > MOST_GROUPS_SHOWN) doc_say(d, " The first clusters are shown.");
  doc_end_paragraph(d);
  if (!by_cluster && p->n == 1) page_prediction_group(d, &p->groups[0]);
  else
    for (uint64_t i = 0; i < p->n && i < MOST_GROUPS_SHOWN; i++) put_group(d, &p->groups[i], i == 0);
  doc_end_section(d);
}

// --- again -----------------------------------------------------------------------------------------------------------------

// A word as a shell reads it back.
static void put_word(text *out, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%";
  if (*word && word[strspn(word, plain)] == 0) {
    text_puts(out, word);
    return;
  }
  text_putc(out, '\'');
  for (; *word; word++) {
    if (*word == '\'') text_puts(out, "'\\''");
    else text_putc(out, *word);
  }
  text_putc(out, '\'');
}

static bool put_command(doc *d, const json *facts, err *e) {
  cJSON *words;
  if (!cJSON_GetObjectItemCaseSensitive(facts->root, "command")) return true;
  TRY(json_array(facts, facts->root, "", "command", &words, e));
  text line = {0};
  for (const cJSON *w = words->child; w; w = w->next) {
    char found[64];
    if (!cJSON_IsString(w)) {
      text_free(&line);
      return ERR(e, "%s: command: expected strings, found %s", facts->origin, json_describe(w, found));
    }
    if (line.length) text_putc(&line, ' ');
    put_word(&line, w->valuestring);
  }
  if (line.length) doc_code(d, "The command that began the run", line.data);
  text_free(&line);
  return true;
}

static bool put_facts(doc *d, const json *facts, err *e) {
  static const doc_column columns[] = {{"what", false}, {"", false}};
  static const char *const keys[][2] = {
      {"vkift", "vkift"}, {"began", "began"}, {"device", "device"}, {"driver", "driver"}, {"driver_version", "driver version"}};
  doc_table(d, "What it ran on", columns, 2);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const char *value = NULL;
    TRY(json_string_or(facts, facts->root, "", keys[i][0], &value, e));
    if (!value) continue;
    doc_row(d);
    doc_cell(d), doc_say(d, keys[i][1]);
    doc_cell(d), doc_quote_cut(d, value, 400);
  }
  const cJSON *paths = cJSON_GetObjectItemCaseSensitive(facts->root, "paths");
  if (cJSON_IsArray(paths) && paths->child) {
    doc_row(d);
    doc_cell(d), doc_say(d, "faster paths");
    doc_cell(d);
    for (const cJSON *p = paths->child; p; p = p->next)
      if (cJSON_IsString(p)) doc_quote_cut(d, p->valuestring, 60), doc_say(d, p->next ? ", " : "");
  }
  doc_end_table(d);
  return true;
}

bool page_again(doc *d, const page_run *r, err *e) {
  if (!r->config && !r->facts.root) return true;
  doc_section(d, "again", "Run it again");
  if (r->facts.root) TRY(put_command(d, &r->facts, e));
  if (r->config) {
    doc_paragraph(d, NULL);
    doc_term(d, "config.yaml");
    doc_say(d, " has every choice that the run made, measured kernels included; with ");
    doc_term(d, "--config");
    doc_say(d, " and that file, on the same driver, the run gives the same bits again.");
    doc_end_paragraph(d);
  }
  if (r->facts.root) TRY(put_facts(d, &r->facts, e));
  if (r->config) {
    doc_details(d, "config.yaml");
    doc_code(d, "config.yaml", r->config);
    doc_end_details(d);
  }
  doc_end_section(d);
  return true;
}
