#!/bin/sh
# setup-cloud.sh: a real keystone and a real masakari-api for the tests, in a Python environment of their own.
#
# Nothing runs afterwards: the tests start and end the services. Quick when done before; safe when two
# run at once. The environment is named after its pins, so changed pins make a new one.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
pins=$here/tests/integration/cloud/constraints.lock
python=${PYTHON:-python3}
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/cloud
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
place=$cache/services-$version-$(sha256sum < "$pins" | cut -c1-16)

# For the tests of TLS.
command -v openssl >/dev/null || "$here/tools/ensure-packages.sh" openssl

if [ -e "$place/ready" ]; then
    echo "cloud: keystone and masakari-api are ready in $place"
    exit 0
fi
mkdir -p "$cache"
exec 9> "$cache/lock"
flock 9
[ ! -e "$place/ready" ] || exit 0

"$python" -c 'import ensurepip' 2>/dev/null || "$here/tools/ensure-packages.sh" python3-venv
echo "cloud: installing keystone and masakari into $place (once, about a minute)"
rm -rf "$place"
"$python" -m venv "$place"
if ! "$place/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$pins" > "$place/pip.log" 2>&1; then
    echo "cloud: pip could not install keystone and masakari:" >&2
    grep -v '^WARNING' "$place/pip.log" | tail -n 20 >&2
    exit 1
fi
touch "$place/ready"
echo "cloud: ready"
