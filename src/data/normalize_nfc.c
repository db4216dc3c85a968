#include "data/normalize.h"
piece normalize_nfc(arena *a, const piece *p) { (void)a; return *p; }
