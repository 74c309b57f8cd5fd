#!/bin/bash
# setup-debian.sh: a small Debian 12 of our own for the tests of the Debian packages, and the older packages that they replace.
#
#   $cache/debian/root       the operating system as a folder: unpacked, and known to its own dpkg and apt as installed
#   $cache/debian/replaced   Debian 12's own masakari-monitors packages
#
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

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8
wanted=$(sha256sum "$0" | cut -d' ' -f1)
if [ "$(cat "$cache/.made" 2>/dev/null)" != "$wanted" ]; then
    mirror=$(private_apt_mirror) || refuse "$mirror"
    scratch=$(mktemp -d "$cache/scratch.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    echo "fetching a small Debian 12, and its own masakari-monitors packages"
    private_apt_begin "$scratch/apt" "$mirror" 'deb bookworm main'
    : > "$scratch/status"
    private_apt update
    private_apt -o "Dir::State::status=$scratch/status" -o APT::Install-Recommends=false -o Debug::NoLocking=true \
        install --download-only -y "${packages[@]}" >/dev/null
    private_apt download "${replaced[@]}"

    rm -rf "$cache/root" "$cache/replaced" "$cache/.made"
    mkdir -p "$cache/replaced"
    mv "$scratch"/apt/download/*.deb "$cache/replaced/"

    echo "unpacking it"
    root=$scratch/root
    mkdir -p "$root/var/lib/dpkg/"{info,updates,parts,triggers} "$root"/usr/{bin,sbin,lib,lib32,lib64,libx32}
    for link in bin sbin lib lib32 lib64 libx32; do ln -s "usr/$link" "$root/$link"; done
    for package in "$scratch"/apt/cache/archives/*.deb; do
        # As dpkg does: a folder of a package never takes the place of a link to one.
        dpkg-deb --fsys-tarfile "$package" | tar -C "$root" --keep-directory-symlink -xpf -
        name=$(dpkg-deb -f "$package" Package)
        [ "$(dpkg-deb -f "$package" Multi-Arch)" = same ] && name=$name:$(dpkg-deb -f "$package" Architecture)
        {
            dpkg-deb -f "$package" | sed '1a Status: install ok installed'
            echo
        } >> "$root/var/lib/dpkg/status"
        dpkg-deb --fsys-tarfile "$package" | tar -tf - | sed 's,^\./,/,; s,^/$,/.,; s,\(.\)/$,\1,' > "$root/var/lib/dpkg/info/$name.list"
    done
    : > "$root/var/lib/dpkg/available"
    # What the maintainer scripts of those packages would have done, as far as it counts.
    cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
    cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
    : > "$root/etc/shadow"
    : > "$root/etc/gshadow"
    sed 's/:.*/:*:::::::/' "$root/etc/passwd" > "$root/etc/shadow"
    sed 's/:.*/:*::/' "$root/etc/group" > "$root/etc/gshadow"
    chmod 640 "$root/etc/shadow" "$root/etc/gshadow"
    chmod 440 "$root/etc/sudoers"
    mkdir -p "$root/mnt" "$root/usr/local/bin"
    chroot "$root" ldconfig
    cp -a "$root"/usr/share/pam/common-* "$root/etc/pam.d/" 2>/dev/null || true
    : > "$root/etc/apt/sources.list"
    : > "$root/etc/machine-id"
    printf '127.0.0.1 localhost node\n' > "$root/etc/hosts"
    echo node > "$root/etc/hostname"
    mv "$root" "$cache/root"
    echo "$wanted" > "$cache/.made"
fi
# What the packages hold beside this project is the same for every build.
"$here/build-deb.sh" --prepare
