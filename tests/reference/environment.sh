# For the scripts of this folder: a virtual environment with what requirements.txt names, about 6 GB, in $work/venv, which
# `run` and `families` share. Sets $python.
# shellcheck shell=bash
reference_environment() {
  local here=$1 work=$2
  python=$work/venv/bin/python
  if cmp -s "$here/requirements.txt" "$work/venv/requirements.txt"; then return; fi
  mkdir -p "$work"
  python3 -m venv --clear "$work/venv"
  "$python" -m pip install --quiet --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$work/venv/requirements.txt" # last: it says that all of them are there
}
