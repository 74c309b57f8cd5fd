#!/bin/bash
# setup-consul.sh: puts a real consul binary where the tests of the consul driver look for it.
#
# Debian 12 has no consul package, Debian 11 (bullseye) has one that runs here; it is fetched as
# private-apt.sh says. Idempotent, and safe when two of them run at once.
#
# Result: $cache/consul/bin/consul, where cache is MASAKARI_MONITORS_CACHE or
# ${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors. Exits 3 with the reason when it cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/private-apt.sh"
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/consul

# iproute2: namespaces, bridges and cut links of the test cluster. util-linux: unshare, nsenter, flock.
"$here/ensure-packages.sh" iproute2 util-linux openssl debian-archive-keyring

private_apt_program consul bullseye consul version
