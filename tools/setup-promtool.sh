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
binary=$cache/bin/promtool

"$here/ensure-packages.sh" util-linux debian-archive-keyring

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8

if [ -x "$binary" ] && "$binary" --version >/dev/null 2>&1; then
    exit 0
fi

give_up() {
    echo "Cannot set up promtool: $1" >&2
    exit 3
}
mirror=$(private_apt_mirror) || give_up "$mirror; put a promtool binary at $binary yourself"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
private_apt_begin "$work" "$mirror" 'deb bookworm main'

echo "fetching promtool from Debian bookworm into $cache"
private_apt update || give_up "apt could not read Debian bookworm's package list from this computer's mirror"
private_apt download prometheus || give_up "apt could not download the package prometheus"
mkdir "$work/root"
dpkg -x "$work"/download/prometheus_*.deb "$work/root"
"$work/root/usr/bin/promtool" --version >/dev/null || give_up "the downloaded binary does not run on this computer"

# In place by one rename: a reader sees either no binary or a whole one.
mkdir -p "$cache/bin"
cp "$work/root/usr/bin/promtool" "$cache/bin/.promtool.new"
mv "$cache/bin/.promtool.new" "$binary"
version=$("$binary" --version)
echo "${version%%$'\n'*}"
