# Helpers of the command-line tests: run the command as a user does, look at its exit status and at what it says.
#   . "$(dirname "$0")/lib.sh"
#   expect 2 vkift tokenise          # runs it; its exit status has to be 2
#   says "did you mean tokenize?"    # … and stderr to hold this
#   prints "usage: vkift"            # … and stdout to hold this
#   finish                           # at the end: fails if anything did
# shellcheck shell=bash
set -uo pipefail

SOURCE_DIR=${VKIFT_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
VKIFT=${VKIFT:-$SOURCE_DIR/build/release/vkift}
WORK=$(mktemp -d)
export PYTHONDONTWRITEBYTECODE=1 # the source tree stays as it is
trap 'rm -rf "$WORK" "$WORK.cache"' EXIT
export VKIFT_CACHE_DIR=$WORK.cache # what was kept by other runs, such as measured kernels, stays out
checks=0 failures=0 last=

vkift() { "$VKIFT" "$@"; }

fail() {
  failures=$((failures + 1))
  printf 'FAILED: %s\n  %s\n' "$last" "$1"
  [ ! -s "$WORK/err" ] || sed 's/^/  stderr: /' "$WORK/err" | head -n 10
}

# expect STATUS COMMAND… — reads the stdin that it is given, by default nothing.
expect() {
  local wanted=$1 status=0
  shift
  last=$*
  checks=$((checks + 1))
  if [ -t 0 ]; then "$@" >"$WORK/out" 2>"$WORK/err" </dev/null; else "$@" >"$WORK/out" 2>"$WORK/err"; fi
  status=$?
  [ "$status" -eq "$wanted" ] || fail "expected exit status $wanted, found $status"
}

says() {
  checks=$((checks + 1))
  grep -qF -- "$1" "$WORK/err" || fail "expected on stderr: $1"
}

prints() {
  checks=$((checks + 1))
  grep -qF -- "$1" "$WORK/out" || fail "expected on stdout: $1"
}

# The last command printed exactly this line.
prints_line() {
  checks=$((checks + 1))
  [ "$(cat "$WORK/out")" = "$1" ] || fail "expected on stdout: '$1', found: '$(head -c 300 "$WORK/out")'"
}

# Nothing on stdout: a failed command prints no half results.
prints_nothing() {
  checks=$((checks + 1))
  [ ! -s "$WORK/out" ] || fail "expected nothing on stdout, found: $(head -n 1 "$WORK/out")"
}

# Sets DATA to the shared test data, or skips the test.
need_shared_data() {
  DATA=${VKIFT_SHARED_DATA:-$SOURCE_DIR/../shared/data}
  [ -d "$DATA" ] && return
  echo "skipped: the shared test data is not there (set VKIFT_SHARED_DATA)"
  exit 77
}

finish() {
  echo "$checks checks, $failures failures"
  [ "$failures" -eq 0 ]
  exit
}
