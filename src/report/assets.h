// The style sheet and the script of a report's page, from page.css and page.js (cmake/report.cmake).
#ifndef REPORT_ASSETS_H
#define REPORT_ASSETS_H

#include <stddef.h>

extern const unsigned char report_style[], report_script[];
extern const size_t report_style_bytes, report_script_bytes;
extern const unsigned char report_script_sha256[32];

#endif
