#!/bin/sh
# ensure-packages.sh NAME...: makes sure that Debian packages are installed.
#
# Root with apt: installs what is missing, with every service start denied, and takes back each
# "enabled at boot" link that an installation made, so that nothing runs or will run because of us.
# Anybody else: prints one clear list of what is missing and exits 3.
set -eu

missing=''
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing operating-system packages; install them as root and try again:" >&2
    echo "    apt-get install --no-install-recommends$missing" >&2
    exit 3
fi

# Two set-ups at once would trip over dpkg's lock: one after the other.
exec 9>/run/masakari-monitors-packages.lock
flock 9

links() { find /etc/systemd/system /etc/rc?.d -type l 2>/dev/null | sort; }
before=$(mktemp) after=$(mktemp)
policy=/usr/sbin/policy-rc.d
ours=no
cleanup() {
    [ "$ours" = yes ] && rm -f "$policy"
    links > "$after"
    comm -13 "$before" "$after" | while read -r link; do rm -f "$link"; done
    rm -f "$before" "$after"
}
links > "$before"
trap cleanup EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    ours=yes
fi

echo "installing operating-system packages:$missing"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing >/dev/null; }
install 2>/dev/null || { apt-get -qq -o DPkg::Lock::Timeout=600 update && install; }
