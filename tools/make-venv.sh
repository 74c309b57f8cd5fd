#!/bin/sh
# make-venv.sh: the virtual environment .venv, exactly as constraints.lock says.
#
# Takes $PYTHON (default python3) when it is 3.11 to 3.13. Where Debian's python3 comes without its
# venv module: root gets python3-venv through apt, anybody else a clear list. Done once per content of
# pyproject.toml, constraints.lock and this file; when nothing changed it returns at once. Two at a time are safe.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
    echo "make-venv: there is no $python here; install Python 3.11, 3.12 or 3.13, or name one: make PYTHON=..." >&2
    exit 3
}
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
    3.11 | 3.12 | 3.13) ;;
    *)
        echo "make-venv: $python is Python $version, but 3.11, 3.12 or 3.13 is needed. Name one that is here:" >&2
        echo "    make PYTHON=/path/to/python3.11" >&2
        exit 3
        ;;
esac

wanted="$version $(cat pyproject.toml constraints.lock tools/make-venv.sh | sha256sum | cut -d' ' -f1) $(pwd -P)"
current() { [ "$(cat .venv/.stamp 2>/dev/null)" = "$wanted" ]; }
if current; then exit 0; fi

exec 9>.venv.lock
if command -v flock >/dev/null; then flock 9; fi
if current; then exit 0; fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "make-venv: $python has no venv module yet"
    tools/ensure-packages.sh "python$version-venv" python3-venv
fi

echo "make-venv: making .venv with $("$python" --version), versions as in constraints.lock (a minute, once)"
rm -rf .venv/.stamp ./*.egg-info
if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv .venv
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }
# Build tools come from the same list as everything else, so the package is not built in isolation.
pip install -qq -c constraints.lock setuptools
pip install -qq -c constraints.lock --no-build-isolation -e '.[dev,kubernetes,redfish]'
echo "$wanted" > .venv/.stamp
echo "make-venv: .venv is ready"
