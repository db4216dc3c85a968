#include "report/doc.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "io/json.h"
#include "report/assets.h"
#include "vkift.h"

// --- words -----------------------------------------------------------------------------------------------------------------

// One character of any bytes: its length, with what stands for it where it cannot be shown itself (control characters as
// pictures, U+FFFD for what is no UTF-8). *shown is NULL where it is shown as it is.
static size_t next_character(const char *s, size_t left, char buffer[4], const char **shown) {
  uint32_t code = 0xFFFD;
  const int n = utf8_decode(s, left, &code);
  *shown = NULL;
  if (!n) *shown = "\xEF\xBF\xBD";
  else if ((code < 0x20 && code != '\n' && code != '\t') || code == 0x7F) {
    buffer[utf8_encode(code == 0x7F ? 0x2421 : 0x2400 + code, buffer)] = 0;
    *shown = buffer;
  } else if (code >= 0x80 && code < 0xA0) *shown = "\xEF\xBF\xBD";
  return n ? (size_t)n : 1;
}

void doc_escape(text *out, const char *bytes, size_t length) {
  char buffer[5];
  for (size_t i = 0; i < length;) {
    const char *shown;
    const size_t n = next_character(bytes + i, length - i, buffer, &shown);
    if (shown) text_puts(out, shown);
    else if (bytes[i] == '&') text_puts(out, "&amp;");
    else if (bytes[i] == '<') text_puts(out, "&lt;");
    else if (bytes[i] == '>') text_puts(out, "&gt;");
    else if (bytes[i] == '"') text_puts(out, "&quot;");
    else if (bytes[i] == '\'') text_puts(out, "&#39;");
    else text_put(out, bytes + i, n);
    i += n;
  }
}

// Inline Markdown: every mark loses its meaning, lines become one.
static void escape_markdown(text *out, const char *bytes, size_t length) {
  char buffer[5];
  for (size_t i = 0; i < length;) {
    const char *shown;
    const size_t n = next_character(bytes + i, length - i, buffer, &shown);
    if (shown) text_puts(out, shown);
    else if (bytes[i] == '\n' || bytes[i] == '\t') text_putc(out, ' ');
    else if (bytes[i] == '&') text_puts(out, "&amp;");
    else if (bytes[i] == '<') text_puts(out, "&lt;");
    else if (bytes[i] == '>') text_puts(out, "&gt;");
    else if (n == 1 && strchr("\\`*_[]#|~!", bytes[i])) text_putc(out, '\\'), text_putc(out, bytes[i]);
    else text_put(out, bytes + i, n);
    i += n;
  }
}

void doc_say(doc *d, const char *words) {
  if (d->markdown) text_puts(&d->out, words);
  else doc_escape(&d->out, words, strlen(words));
}

static void quote_bytes(doc *d, const char *words, size_t length) {
  if (d->markdown) {
    escape_markdown(&d->out, words, length);
    return;
  }
  text_puts(&d->out, "<bdi>");
  doc_escape(&d->out, words, length);
  text_puts(&d->out, "</bdi>");
}

void doc_quote(doc *d, const char *words) {
  quote_bytes(d, words, strlen(words));
}

void doc_quote_cut(doc *d, const char *words, size_t most) {
  size_t length = strlen(words);
  const bool cut = length > most;
  if (cut)
    for (length = most; length && ((unsigned char)words[length] & 0xC0) == 0x80;) length--;
  quote_bytes(d, words, length);
  if (cut) text_puts(&d->out, "\xE2\x80\xA6");
}

void doc_term(doc *d, const char *words) {
  text_printf(&d->out, d->markdown ? "`%s`" : "<code>%s</code>", words);
}

void doc_strong(doc *d, bool begin) {
  text_puts(&d->out, d->markdown ? "**" : begin ? "<strong>" : "</strong>");
}

void doc_number(doc *d, double value, number_form form, int digits, const char *from, ...) {
  if (d->markdown || !isfinite(value)) {
    number_put(&d->out, value, form, digits);
    return;
  }
  text place = {0};
  char buffer[512];
  va_list args;
  va_start(args, from);
  vsnprintf(buffer, sizeof buffer, from, args);
  va_end(args);
  text_puts(&d->out, "<data value=\"");
  json_put_number(&d->out, value);
  text_puts(&d->out, "\" data-from=\"");
  doc_escape(&d->out, buffer, strlen(buffer));
  text_puts(&d->out, "\">");
  number_put(&d->out, value, form, digits);
  text_puts(&d->out, "</data>");
  text_free(&place);
}

void doc_html(doc *d, const char *format, ...) {
  if (d->markdown) return;
  char buffer[2048];
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(buffer, sizeof buffer, format, args);
  va_end(args);
  REQUIRE(n >= 0 && n < (int)sizeof buffer, "%d bytes of markup at once", n);
  text_puts(&d->out, buffer);
}

// --- the page --------------------------------------------------------------------------------------------------------------

// The digest as Content-Security-Policy wants it.
static void put_base64(text *out, const unsigned char *bytes, size_t n) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    const uint32_t three =
        (uint32_t)bytes[i] << 16 | (uint32_t)(i + 1 < n ? bytes[i + 1] : 0) << 8 | (uint32_t)(i + 2 < n ? bytes[i + 2] : 0);
    for (size_t k = 0; k < 4; k++) text_putc(out, i + k > n ? '=' : letters[three >> (18 - 6 * k) & 63]);
  }
}

void doc_begin(doc *d, const char *title) {
  if (d->markdown) {
    text_puts(&d->out, "# ");
    doc_quote(d, title);
    text_puts(&d->out, "\n\n");
    return;
  }
  // Nothing is fetched, and no script runs but the one below: whatever a file's words might be taken for.
  text_puts(&d->out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            "img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-");
  put_base64(&d->out, report_script_sha256, 32);
  text_printf(&d->out, "'\">\n<meta name=\"generator\" content=\"vkift %s\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
              vkift_version());
  doc_escape(&d->out, title, strlen(title));
  text_puts(&d->out, "</title>\n<style>\n");
  text_put(&d->out, (const char *)report_style, report_style_bytes);
  text_puts(&d->out,
            "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header class=\"top\">"
            "<span class=\"brand\">vkift report</span><button type=\"button\" id=\"theme\" hidden>Theme: "
            "<span>system</span></button></header>\n<main id=\"main\">\n<h1>");
  doc_quote(d, title);
  text_puts(&d->out, "</h1>\n");
}

void doc_end(doc *d) {
  if (d->markdown) return;
  text_printf(&d->out,
              "</main>\n<footer>Made by <code>vkift report</code>, vkift <span class=\"name\">%s</span>. This page is one "
              "file: it works offline and loads nothing.</footer>\n",
              vkift_version());
  // In a script element only "</" and "<!--" have a meaning.
  text_puts(&d->out, "<script type=\"application/json\" id=\"plots\">{");
  for (size_t i = 0; i < d->island.length; i++) {
    if (d->island.data[i] == '<') text_puts(&d->out, "\\u003c");
    else text_putc(&d->out, d->island.data[i]);
  }
  text_puts(&d->out, "}</script>\n<script>");
  text_put(&d->out, (const char *)report_script, report_script_bytes);
  text_puts(&d->out, "</script>\n</body>\n</html>\n");
}

void doc_free(doc *d) {
  text_free(&d->out);
  text_free(&d->island);
}

void doc_section(doc *d, const char *id, const char *title) {
  if (d->markdown) text_printf(&d->out, "## %s\n\n", title);
  else text_printf(&d->out, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">%s</h2>\n", id, id, id, title);
}

void doc_end_section(doc *d) {
  doc_html(d, "</section>\n");
}

void doc_heading(doc *d, const char *title) {
  text_printf(&d->out, d->markdown ? "### %s\n\n" : "<h3>%s</h3>\n", title);
}

void doc_paragraph(doc *d, const char *css_class) {
  if (css_class) doc_html(d, "<p class=\"%s\">", css_class);
  else doc_html(d, "<p>");
}

void doc_end_paragraph(doc *d) {
  text_puts(&d->out, d->markdown ? "\n\n" : "</p>\n");
}

void doc_details(doc *d, const char *summary) {
  if (d->markdown) return;
  text_puts(&d->out, "<details><summary>");
  doc_say(d, summary);
  text_puts(&d->out, "</summary>\n");
}

void doc_end_details(doc *d) {
  doc_html(d, "</details>\n");
}

// --- tables ----------------------------------------------------------------------------------------------------------------

void doc_table(doc *d, const char *caption, const doc_column *columns, size_t n) {
  d->columns = columns;
  d->n_columns = n;
  d->in_row = d->in_foot = false;
  if (d->markdown) {
    text_printf(&d->out, "%s\n\n", caption);
    for (size_t i = 0; i < n; i++) text_printf(&d->out, "| %s ", columns[i].title);
    text_puts(&d->out, "|\n");
    for (size_t i = 0; i < n; i++) text_puts(&d->out, columns[i].is_number ? "|--:" : "|---");
    text_puts(&d->out, "|\n");
    return;
  }
  // A box that scrolls by itself has to be reachable by the keyboard.
  text_puts(&d->out, "<p class=\"caption\" aria-hidden=\"true\">");
  doc_say(d, caption);
  text_puts(&d->out, "</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
  doc_say(d, caption);
  text_puts(&d->out, "\"><table>\n<thead><tr>");
  for (size_t i = 0; i < n; i++)
    text_printf(&d->out, "<th scope=\"col\"%s>%s</th>", columns[i].is_number ? " class=\"n\"" : "", columns[i].title);
  text_puts(&d->out, "</tr></thead>\n<tbody>\n");
}

static void end_cell(doc *d) {
  if (d->column) doc_html(d, d->column == 1 ? "</th>" : "</td>");
}

static void end_row(doc *d) {
  if (!d->in_row) return;
  if (d->markdown) text_puts(&d->out, " |\n");
  else end_cell(d), text_puts(&d->out, "</tr>\n");
  d->in_row = false;
}

void doc_row(doc *d) {
  end_row(d);
  d->in_row = true;
  d->column = 0;
  doc_html(d, "<tr>");
}

void doc_foot(doc *d) {
  end_row(d);
  d->in_foot = true;
  doc_html(d, "</tbody><tfoot>\n");
}

void doc_cell(doc *d) {
  REQUIRE(d->in_row && d->column < d->n_columns, "cell %zu of %zu", d->column, d->n_columns);
  if (d->markdown) text_puts(&d->out, d->column ? " | " : "| ");
  end_cell(d);
  const char *css_class = d->columns[d->column].is_number ? " class=\"n\"" : "";
  if (!d->column) doc_html(d, "<th scope=\"row\"%s>", css_class);
  else doc_html(d, "<td%s>", css_class);
  d->column++;
}

void doc_bar(doc *d, double share, const char *css_class) {
  if (!(share > 0)) return;
  doc_html(d, "<i class=\"bar %s\" style=\"width:%.2f%%\" aria-hidden=\"true\"></i>", css_class, 100 * fmin(fmax(share, 0), 1));
}

void doc_end_table(doc *d) {
  end_row(d);
  if (d->markdown) text_putc(&d->out, '\n');
  else text_puts(&d->out, d->in_foot ? "</tfoot></table></div>\n" : "</tbody></table></div>\n");
}

// --- code ------------------------------------------------------------------------------------------------------------------

// A fence that is longer than any in the text.
static size_t fence_length(const char *words) {
  size_t longest = 2, run = 0;
  for (; *words; words++) {
    run = *words == '`' ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest + 1;
}

static void put_shown(text *out, const char *words) {
  char buffer[5];
  for (size_t left = strlen(words); left;) {
    const char *shown;
    const size_t n = next_character(words, left, buffer, &shown);
    if (shown) text_puts(out, shown);
    else text_put(out, words, n);
    words += n, left -= n;
  }
}

void doc_code(doc *d, const char *label, const char *words) {
  if (!d->markdown) {
    text_puts(&d->out, "<pre tabindex=\"0\" role=\"region\" aria-label=\"");
    doc_say(d, label);
    text_puts(&d->out, "\"><code>");
    doc_escape(&d->out, words, strlen(words));
    text_puts(&d->out, "</code></pre>\n");
    return;
  }
  const size_t n = fence_length(words);
  text_printf(&d->out, "%s:\n\n", label);
  for (size_t i = 0; i < n; i++) text_putc(&d->out, '`');
  text_putc(&d->out, '\n');
  put_shown(&d->out, words);
  if (*words && words[strlen(words) - 1] != '\n') text_putc(&d->out, '\n');
  for (size_t i = 0; i < n; i++) text_putc(&d->out, '`');
  text_puts(&d->out, "\n\n");
}
