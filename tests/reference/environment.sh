# For the scripts of this folder: virtual environments in $work that several of them share. Both set $python.
# shellcheck shell=bash

# With PyTorch, transformers and PEFT, about 6 GB, in $work/venv.
reference_environment() { make_environment "$1/requirements.txt" "$2/venv"; }

# With rouge_score and sacrebleu, in $work/metrics-venv.
metrics_environment() { make_environment "$1/metrics-requirements.txt" "$2/metrics-venv"; }

make_environment() {
  local requirements=$1 venv=$2
  python=$venv/bin/python
  if cmp -s "$requirements" "$venv/requirements.txt"; then return; fi
  mkdir -p "${venv%/*}"
  python3 -m venv --clear "$venv"
  "$python" -m pip install --quiet --requirement "$requirements"
  cp "$requirements" "$venv/requirements.txt" # last: it says that all of them are there
}
