#!/bin/bash
# setup-consul.sh: puts a real consul binary where the tests of the consul driver look for it.
#
# Debian 12 has no consul package, Debian 11 (bullseye) has one that runs here. It is fetched from
# the mirror that this machine's own apt already uses, with a sources list, package lists and a
# cache of its own, so that the system's apt state is not touched; the signature is checked with
# Debian's keyring. Idempotent, and safe when two of them run at once.
#
# Result: $cache/consul/bin/consul, where cache is MASAKARI_MONITORS_CACHE or
# ${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors. Exits 3 with the reason when it cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
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
command -v apt-get >/dev/null || give_up "this machine has no apt-get; put a consul binary at $binary yourself"

# Which mirror: the one of the machine's own Debian suite; only the suite's name differs.
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
targets() { apt-get indextargets --format '$(REPO_URI)|$(RELEASE)' 'Created-By: Packages'; }
mirror=$(targets | sed -n "s/|$codename\$//p" | head -n1)
[ -n "$mirror" ] || give_up "apt's configuration names no mirror of Debian '$codename'"
architecture=$(dpkg --print-architecture)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,download,root}
chmod 755 "$work" "$work/download"
echo "deb [arch=$architecture signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" \
    > "$work/sources.list"
options=(
    -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3
    -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache"
    # apt's unprivileged user could not write into our private folder.
    -o APT::Sandbox::User=root
    -o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
)

echo "fetching consul from Debian bullseye into $cache"
apt-get "${options[@]}" update || give_up "apt could not read Debian bullseye's package list from the machine's mirror"
(cd "$work/download" && apt-get "${options[@]}" download consul) || give_up "apt could not download the package consul"
dpkg -x "$work"/download/consul_*.deb "$work/root"
"$work/root/usr/bin/consul" version >/dev/null || give_up "the downloaded binary does not run on this machine"

# In place by one rename: a reader sees either no binary or a whole one.
mkdir -p "$cache/bin"
cp "$work/root/usr/bin/consul" "$cache/bin/.consul.new"
mv "$cache/bin/.consul.new" "$binary"
"$binary" version | head -n1
