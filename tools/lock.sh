#!/bin/sh
# lock.sh: renews constraints.lock with the newest versions that pyproject.toml allows.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
pip="$scratch/venv/bin/python -m pip --disable-pip-version-check --no-input"
echo "lock: resolving runtime, extras and development dependencies"
# libvirt's binding must fit the computer's C library, so it has no place in a list for all of them.
$pip install -qq --upgrade setuptools '.[dev,kubernetes,redfish]'
{
    sed -n '1,/^[^#]/{/^#/p}' constraints.lock
    $pip freeze --all | grep -v -i -e '^pip==' -e '^masakari-monitors' | LC_ALL=C sort -f -t = -k 1,1
} > "$scratch/constraints.lock"
diff -u constraints.lock "$scratch/constraints.lock" || true
cp "$scratch/constraints.lock" constraints.lock
