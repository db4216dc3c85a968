// Which known name a wrong one was meant to be, by edit distance. '-' and '_' count as the same letter, and case does not count.
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

// Optimal string alignment: insertions, deletions, changes, and swaps of neighbours count one each.
unsigned nearest_distance(const char *a, const char *b);
// A slip changes up to a third of a name.
unsigned nearest_tolerance(const char *given);
// The entry of names (NULL at the end) with the fewest changed letters from `given`, when they are few enough for a slip;
// else NULL.
const char *nearest_name(const char *const *names, const char *given);

#endif
