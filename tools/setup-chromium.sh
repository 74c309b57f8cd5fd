#!/bin/bash
# setup-chromium.sh: puts a headless Chromium, and axe-core, where the tests of the page look for them.
#
# Debian's package chromium with the libraries that it needs and this computer has not, unpacked into the
# cache: nothing is installed. They are fetched as private-apt.sh says. axe-core, which looks whether
# everybody can use a page, is fetched by npm. Idempotent, and safe when two of them run at once.
#
# Result: $cache/root/usr/lib/chromium/chromium, $cache/libraries (for LD_LIBRARY_PATH, one a line) and,
# where there is npm, $cache/axe.min.js; cache is MASAKARI_MONITORS_CACHE or
# ${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors. Exits 3 with the reason when it cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/private-apt.sh"
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/chromium
axe_version=4.14.1

give_up() {
    echo "Cannot set up chromium: $1" >&2
    exit 3
}
[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || give_up "this computer is not Debian amd64"
"$here/ensure-packages.sh" util-linux debian-archive-keyring

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8
# Part of the stamp: a change of this recipe fetches anew.
recipe=$(sha256sum "$0" | cut -c1-16)
if [ "$(cat "$cache/ready" 2>/dev/null)" = "recipe $recipe" ]; then
    exit 0
fi
rm -f "$cache/ready"

mirror=$(private_apt_mirror) || give_up "$mirror"
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
private_apt_begin "$work/apt" "$mirror" "deb $codename main"

echo "fetching chromium and what it needs from Debian $codename into $cache"
private_apt update || give_up "apt could not read Debian $codename's package list from this computer's mirror"
# What apt would install for it on this computer, and a font: it draws nothing without one.
private_apt install --no-install-recommends --print-uris --yes chromium > "$work/uris" ||
    give_up "apt finds no chromium that fits this computer"
names=$(sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" "$work/uris" | sort -u)
# shellcheck disable=SC2086 # one argument for each package
private_apt download chromium fonts-dejavu-core $names || give_up "apt could not download the package chromium"
mkdir "$work/root"
for package in "$work"/apt/download/*.deb; do
    dpkg -x "$package" "$work/root"
done
find "$work/root" -name '*.so*' -printf '%h\n' | sort -u | sed "s|^$work/root|$cache/root|" > "$work/libraries"

if command -v npm >/dev/null && (cd "$work" && npm pack --silent "axe-core@$axe_version" >/dev/null 2>&1); then
    tar -xzf "$work"/axe-core-*.tgz -C "$work" package/axe.min.js
    mv "$work/package/axe.min.js" "$work/axe.min.js"
else
    echo "axe-core cannot be fetched: whether everybody can use the page is not looked at"
fi

rm -rf "$cache/root" "$cache/axe.min.js"
mv "$work/root" "$cache/root"
mv "$work/libraries" "$cache/libraries"
if [ -s "$work/axe.min.js" ]; then mv "$work/axe.min.js" "$cache/axe.min.js"; fi
LD_LIBRARY_PATH=$(paste -sd: "$cache/libraries") "$cache/root/usr/lib/chromium/chromium" --version --no-sandbox ||
    give_up "the downloaded chromium does not run on this computer"
echo "recipe $recipe" > "$cache/ready"
