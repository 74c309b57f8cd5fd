#!/bin/bash
# setup-debian.sh: a small Debian of our own for the tests of the Debian packages, and the older packages that they replace.
#
#   $cache/debian/root       the operating system as a folder: unpacked, and known to its own dpkg and apt as installed
#   $cache/debian/replaced   that Debian's own masakari-monitors packages
#
# It is of this computer's own release, 12 or 13, for which build-deb.sh builds: each package is for one Python.
# From the mirror that this computer's apt uses, with apt folders of its own; nothing of the computer is changed. What the
# packages of that system would do when they are installed is left out but for the few things that count here. Idempotent,
# and safe when two of them run at once. Exits 3 with the reason when it cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/debian

packages=(
    '?essential' adduser apt init-system-helpers logrotate passwd procps python3 python3-libvirt sudo systemd systemd-sysv util-linux
)
replaced=(
    masakari-host-monitor masakari-instance-monitor masakari-introspective-instance-monitor masakari-process-monitor
    masakari-monitors-common python3-masakari-monitors
)

refuse() { echo "setup-debian: $1; the Debian packages are not tried here" >&2; exit 3; }
[ "$(id -u)" = 0 ] || refuse "not root"
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || refuse "no Debian keyring (package debian-archive-keyring)"
. "$here/private-apt.sh"
. "$here/debian-root.sh"

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
wanted=$(echo "$suite" | cat - "$0" "$here/debian-root.sh" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$cache/.made" 2>/dev/null)" != "$wanted" ]; then
    mirror=$(private_apt_mirror) || refuse "$mirror"
    scratch=$(mktemp -d "$cache/scratch.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    echo "fetching a small Debian, $suite, and its own masakari-monitors packages"
    debian_root "$scratch/root" "$scratch" "$mirror" "$suite" "${packages[@]}"
    chmod 440 "$scratch/root/etc/sudoers"
    private_apt download "${replaced[@]}"

    rm -rf "$cache/root" "$cache/replaced" "$cache/.made"
    mkdir -p "$cache/replaced"
    mv "$scratch"/apt/download/*.deb "$cache/replaced/"
    mv "$scratch/root" "$cache/root"
    echo "$wanted" > "$cache/.made"
fi
# What the packages hold beside this project is the same for every build.
"$here/build-deb.sh" --prepare
