#!/bin/sh
# Makes .venv-oracles: foreign Modbus clients that need a newer Python than ours. They judge our profiles from outside.
# Quick when it is there already. Without such a Python, or without a network, it says so and ends well: those tests are skipped by name.
cd "$(dirname "$0")/.." || exit 0
venv=.venv-oracles
wanted=tests/oracles/requirements.txt
lists=tests/oracles/requirements-lists.txt
cat "$wanted" "$lists" | cmp -s - "$venv/.installed" && "$venv/bin/python" -c "" 2>/dev/null && exit 0

# A name on PATH may be a stand-in that does not run, so each is tried.
runs() { "$1" -c "import sys, venv; sys.exit(sys.version_info < (3, 12))" >/dev/null 2>&1; }
root=$(pyenv root 2>/dev/null)
python=""
for version in 3.13 3.14 3.12; do
  for candidate in "python$version" "${root:-/nowhere}/versions/$version"*/bin/python3; do
    if runs "$candidate"; then python=$candidate; break 2; fi
  done
done
if [ -z "$python" ]; then
  echo "No Python 3.12 or newer: the tests with foreign clients that need one will be skipped. Install python3.13 to have them."
  exit 0
fi
echo "Setting up $venv with $python (foreign Modbus clients, half a minute the first time)"
rm -rf "$venv"
log=$(mktemp)
if "$python" -m venv "$venv" >"$log" 2>&1 &&
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >>"$log" 2>&1 &&
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$lists" >>"$log" 2>&1; then
  cat "$wanted" "$lists" >"$venv/.installed"
else
  echo "Could not set up $venv: the tests with foreign clients will be skipped. Last lines:"
  tail -n 5 "$log"
  rm -rf "$venv"
fi
rm -f "$log"
exit 0
