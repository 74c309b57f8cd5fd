#!/bin/sh
# setup-pacemaker.sh: what the real corosync + pacemaker cluster of tests/integration/pacemaker needs.
#
# Installs Debian's packages (nothing is started, nothing is enabled) and unpacks pacemaker-remote
# into the cache: that package conflicts with pacemaker, so it can only be unpacked, never installed.
# Idempotent; a second run takes a moment. Exits 3 with a list of what is missing when it cannot.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/pacemaker

if [ "$(uname -s)" != Linux ]; then
    echo "setup-pacemaker: the rig needs Linux namespaces; this is $(uname -s)" >&2
    exit 3
fi

# python3 runs the alert agent and the rig's fence agent, as pacemaker would run them: outside any venv.
"$here/ensure-packages.sh" corosync pacemaker pacemaker-cli-utils pacemaker-resource-agents resource-agents \
    iproute2 procps python3 tcpdump util-linux || exit 3

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8

version=$(dpkg-query -W -f '${Version}' pacemaker)
if [ "$(cat "$cache/remote/version" 2>/dev/null)" = "$version" ] && [ -x "$cache/remote/usr/sbin/pacemaker-remoted" ]; then
    exit 0
fi

echo "unpacking pacemaker-remote $version into $cache/remote"
work=$(mktemp -d "$cache/unpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
download() { (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "pacemaker-remote=$version" >/dev/null); }
if ! download 2>/dev/null && ! { apt-get -qq -o DPkg::Lock::Timeout=600 update && download; }; then
    echo "setup-pacemaker: pacemaker-remote $version could not be downloaded by apt" >&2
    exit 3
fi
dpkg-deb -x "$work"/pacemaker-remote_*.deb "$work/tree"
printf '%s\n' "$version" > "$work/tree/version"
rm -rf "$cache/remote"
mv "$work/tree" "$cache/remote"
