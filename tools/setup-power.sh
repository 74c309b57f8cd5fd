#!/bin/bash
# setup-power.sh: what the tests of the proof of death ask: real BMC simulators.
#
# ipmi_sim (Debian's openipmi) and ipmitool from apt; sushy-tools, the Redfish emulator, in an
# environment of its own at $cache/power/venv. Idempotent, and safe when two of them run at once.
# Exits 3 with the reason when it cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/power
lock=$here/../tests/integration/power/constraints.lock

"$here/ensure-packages.sh" openipmi ipmitool python3-venv util-linux

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8

stamp=$cache/venv/.made-from
if [ -x "$cache/venv/bin/sushy-emulator" ] && cmp -s "$lock" "$stamp"; then
    exit 0
fi
echo "installing the Redfish emulator (sushy-tools) into $cache"
rm -rf "$cache/venv"
${PYTHON:-python3} -m venv "$cache/venv"
"$cache/venv/bin/pip" install -q --disable-pip-version-check -r "$lock"
cp "$lock" "$stamp"
