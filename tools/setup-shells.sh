#!/bin/bash
# setup-shells.sh: zsh and fish, which play the completion that is made for them: $cache/shells/bin, unpacked and not installed.
#
# From the mirror that this computer's apt uses, of its own release of Debian, with apt folders of its own. Those that are
# installed are used as they are. Idempotent, and safe when two of them run at once. Exits 3 with the reason when it cannot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/shells

refuse() { echo "setup-shells: $1; completion for zsh and fish is not tried here" >&2; exit 3; }
if command -v zsh >/dev/null && command -v fish >/dev/null; then exit 0; fi
mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8
wanted=$(sha256sum "$0" | cut -d' ' -f1)
if [ "$(cat "$cache/.made" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || refuse "no Debian keyring (package debian-archive-keyring)"
. "$here/private-apt.sh"
mirror=$(private_apt_mirror) || refuse "$mirror"
work=$(mktemp -d "$cache/scratch.XXXXXX")
trap 'rm -rf "$work"' EXIT
private_apt_begin "$work/apt" "$mirror" "deb $(. /etc/os-release && echo "$VERSION_CODENAME") main"
echo "fetching zsh and fish"
private_apt update
private_apt download zsh zsh-common fish fish-common libpcre2-32-0
for package in "$work"/apt/download/*.deb; do dpkg-deb -x "$package" "$work/root"; done
rm -rf "$cache/root" "$cache/bin"
mkdir "$cache/bin"
mv "$work/root" "$cache/root"
# Debian 12 has it below /bin, 13 below /usr/bin.
zsh=$(find "$cache/root" -path '*/bin/zsh')
printf '#!/bin/sh\nexec %s "$@"\n' "${zsh%%$'\n'*}" > "$cache/bin/zsh"
library=$(dirname "$(find "$cache/root" -name 'libpcre2-32.so.0')")
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/root/usr/bin/fish "$@"\n' "$library" "$cache" > "$cache/bin/fish"
chmod +x "$cache"/bin/*
"$cache/bin/zsh" -f -c true && "$cache/bin/fish" --no-config -c true || refuse "what was fetched does not run here"
echo "$wanted" > "$cache/.made"
