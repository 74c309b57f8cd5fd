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
binary=$cache/bin/consul

# iproute2: namespaces, bridges and cut links of the test cluster. util-linux: unshare, nsenter, flock.
"$here/ensure-packages.sh" iproute2 util-linux openssl debian-archive-keyring

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8

if [ -x "$binary" ] && "$binary" version >/dev/null 2>&1; then
    exit 0
fi

give_up() {
    echo "Cannot set up consul: $1" >&2
    exit 3
}
mirror=$(private_apt_mirror) || give_up "$mirror; put a consul binary at $binary yourself"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
private_apt_begin "$work" "$mirror" 'deb bullseye main'

echo "fetching consul from Debian bullseye into $cache"
private_apt update || give_up "apt could not read Debian bullseye's package list from this computer's mirror"
private_apt download consul || give_up "apt could not download the package consul"
mkdir "$work/root"
dpkg -x "$work"/download/consul_*.deb "$work/root"
"$work/root/usr/bin/consul" version >/dev/null || give_up "the downloaded binary does not run on this computer"

# In place by one rename: a reader sees either no binary or a whole one.
mkdir -p "$cache/bin"
cp "$work/root/usr/bin/consul" "$cache/bin/.consul.new"
mv "$cache/bin/.consul.new" "$binary"
version=$("$binary" version)
echo "${version%%$'\n'*}"
