// A report as it is written: the same calls make an HTML page or a Markdown text.
//   doc_say      words of ours
//   doc_quote    words from a file. They are not trusted: nothing in them can become markup, a script or a control sequence
//   doc_number   a number, with the place that it was read from: in HTML <data value="0.1234" data-from="results.json:/n">0.12</data>
// A place is FILE:/json/pointer, FILE:LINE/key of JSON Lines, FILE:key of config.yaml, or FILE:what(key) for the sum, mean,
// count, first, last, min or max over all lines that have the key.
#ifndef REPORT_DOC_H
#define REPORT_DOC_H

#include "base/text.h"
#include "report/number.h"

typedef struct doc_column {
  const char *title;
  bool is_number; // stands to the right
} doc_column;

typedef struct doc {
  text out;
  text island; // HTML: what the script needs to know of the plots, members of a JSON object
  bool markdown;
  const doc_column *columns; // of the table at hand
  size_t n_columns, column;  // column: cells begun in the row at hand
  bool in_row, in_foot;
} doc;

// `title` may come from a file. Everything up to the page's first heading, and what ends it.
void doc_begin(doc *d, const char *title);
void doc_end(doc *d);
void doc_free(doc *d);

void doc_section(doc *d, const char *id, const char *title); // id: also a link's target
void doc_end_section(doc *d);
void doc_heading(doc *d, const char *title);

void doc_paragraph(doc *d, const char *css_class); // NULL: an ordinary one
void doc_end_paragraph(doc *d);
void doc_say(doc *d, const char *words);
void doc_quote(doc *d, const char *words);                  // on one line in Markdown
void doc_quote_cut(doc *d, const char *words, size_t most); // at most so many bytes, with "…" where more are there
void doc_term(doc *d, const char *words);                   // words of ours that are typed: a file's name, an option
void doc_strong(doc *d, bool begin);                        // what stands between true and false
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
void doc_number(doc *d, double value, number_form form, int digits, const char *from, ...);

void doc_table(doc *d, const char *caption, const doc_column *columns, size_t n);
void doc_row(doc *d);
void doc_foot(doc *d);                                     // the rows behind it sum up
void doc_cell(doc *d);                                     // begins the next cell of the row
void doc_bar(doc *d, double share, const char *css_class); // HTML: a cell's bar
void doc_end_table(doc *d);

void doc_details(doc *d, const char *summary); // closed until it is asked for
void doc_end_details(doc *d);

void doc_code(doc *d, const char *label, const char *words); // from a file, as it stands

// HTML only, for plots: raw markup of ours; escaped words.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void doc_html(doc *d, const char *format, ...);
void doc_escape(text *out, const char *bytes, size_t length);

#endif
