#include "base/show.h"

#include <stdio.h>
#include <string.h>

shown show_time(double seconds) {
  shown s = {"?"};
  if (!(seconds >= 0 && seconds < 1e9)) return s;
  long long t = (long long)(seconds + 0.5), hours = t / 3600;
  int minutes = (int)(t / 60 % 60), rest = (int)(t % 60);
  if (hours) snprintf(s.text, sizeof s.text, "%lld:%02d:%02d", hours, minutes, rest);
  else snprintf(s.text, sizeof s.text, "%d:%02d", minutes, rest);
  return s;
}

shown show_count(int64_t count) {
  char digits[24];
  shown s = {{0}};
  size_t n = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)count), at = 0;
  size_t sign = digits[0] == '-';
  for (size_t i = 0; i < n; i++) {
    if (i > sign && (n - i) % 3 == 0) s.text[at++] = ',';
    s.text[at++] = digits[i];
  }
  return s;
}

shown show_bytes(uint64_t bytes) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  shown s;
  double value = (double)bytes;
  int unit = 0;
  for (; value >= 1024 && unit < 4; unit++) value /= 1024;
  snprintf(s.text, sizeof s.text, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return s;
}
