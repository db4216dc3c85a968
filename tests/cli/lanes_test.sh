#!/usr/bin/env bash
# scripts/lanes/modern where mounting is refused, and with folders outside of the tree: what cannot work is said before anything
# is made. Nothing is installed or built.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || { echo "skipped: the lane needs root"; exit 77; }
lane=$SOURCE_DIR/scripts/lanes/modern
cd "$WORK" || exit 1
unset VKIFT_MODERN_FOLDERS
export VKIFT_MODERN_ROOT=$WORK/root

check() { # STATUS VARIABLE=VALUE…
  expect "$1" env "${@:2}" "$lane" --check
  checks=$((checks + 1))
  [ ! -e "$WORK/root" ] || fail "a system was made"
}

check 0 VKIFT_MODERN_MOUNTS=no
check 1 VKIFT_MODERN_MOUNTS=no VKIFT_MODERN_FOLDERS="$WORK"
says "mounting is refused here: the lane would work on a copy, and nothing that it writes to $WORK would come back"
check 2 VKIFT_MODERN_FOLDERS="$WORK/none"
says "VKIFT_MODERN_FOLDERS: expected a folder, found no $WORK/none"
check 2 VKIFT_MODERN_FOLDERS="$WORK:relative"
says "VKIFT_MODERN_FOLDERS: expected absolute paths, found 'relative'"
if unshare --mount --propagation private mount --bind "$WORK" "$WORK" 2>/dev/null; then check 0 VKIFT_MODERN_FOLDERS="$WORK"; fi

# The comparisons ask it first.
expect 1 env VKIFT_MODERN_MOUNTS=no "$SOURCE_DIR/tests/bench/check_lane" "$WORK/bench" --rounds 1
says "the comparisons of whole runs take --lane default"
expect 0 env VKIFT_MODERN_MOUNTS=no "$SOURCE_DIR/tests/bench/check_lane" "$WORK/bench" --lane default

finish
