#!/bin/bash
# setup-promtool.sh: puts promtool, which checks metrics and tests alert rules, where the tests look for it.
#
# It is in Debian 12's package prometheus, which is fetched as private-apt.sh says and unpacked, not installed: no
# server comes with it. Idempotent, and safe when two of them run at once.
#
# Result: $cache/promtool/bin/promtool, where cache is MASAKARI_MONITORS_CACHE or
# ${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors. Exits 3 with the reason when it cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/private-apt.sh"
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/promtool

"$here/ensure-packages.sh" util-linux debian-archive-keyring

private_apt_program promtool bookworm prometheus --version
