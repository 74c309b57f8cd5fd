#!/bin/bash
# try-roots.sh RELEASE [--user] [--python FOLDER] [--prepare | --whole] [TEST...]: what a newcomer does, in a fresh Debian.
#
# RELEASE is 12 or 13. In a root folder with a minimum of packages, python3, its venv module, make and git, on a clone of
# this repository: `make run` until all monitors run, their status, Ctrl-C; then TEST... (pytest's arguments; by default some
# of the unit tests). --user: as an ordinary user, not as that Debian's root. --python: the prefix of another Python, such as
# /opt/python3.12, which is seen there at the same place. --prepare: the set-up of `make test`, too: minutes, and gigabytes.
# --whole: `make test` itself instead, with TEST... as further arguments for pytest: an hour, and 20 GB of disk below the
# cache meanwhile. What was skipped there is told with its reason: an ordinary user has no namespaces, and no packages that
# are missing. Kubernetes' programs, which are built for an hour and need nothing of a Debian, are taken from here if there.
#
# Needs root, for namespaces: nothing is installed on this computer, no service is touched, and the Debian and what was
# done there are gone at the end. What it fetches comes from the mirror of this computer's apt, and as its pip is told.
# Exits 3 with the reason where it cannot work, 1 where something failed there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/roots

refuse() { echo "try-roots: $1" >&2; exit 3; }
case ${1:-} in
12) suite=bookworm ;;
13) suite=trixie ;;
*) refuse "which release of Debian? 12 or 13" ;;
esac
release=$1
shift
user=root python='' prepare='' whole=''
while [ $# -gt 0 ]; do
    case $1 in
    --user) user=newcomer ;;
    --python) python=${2:?} && shift ;;
    --prepare) prepare=yes ;;
    --whole) whole=yes ;;
    *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || [ -n "$whole" ] || set -- tests/unit/conf tests/unit/outbox tests/unit/system tests/playbooks
[ "$(id -u)" = 0 ] || refuse "not root"
[ -z "$python" ] || [ -x "$python/bin/python3" ] || refuse "there is no $python/bin/python3"
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || refuse "no Debian keyring (package debian-archive-keyring)"
. "$here/private-apt.sh"
. "$here/debian-root.sh"
mirror=$(private_apt_mirror) || refuse "$mirror"

# The Debian as it is before anybody has done anything.
debian_root_once "$cache" "$suite" newcomer '?essential' apt mount passwd procps python3 python3-venv make git

work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
upper=$work/upper
mkdir -p "$upper/etc" "$work/home/newcomer"
debian_root_ways > "$work/seen"
if [ -n "$python" ]; then
    echo "$python" >> "$work/seen"
    # Perhaps a folder that only root may look into.
    mkdir -p "$upper/root"
fi
# On a disk that stays, as homes are.
echo "$work/home=/home=rw" >> "$work/seen"
debian_root_sources "$upper" "$mirror" "$suite"
for file in passwd group shadow gshadow; do cp -p "$cache/$suite/etc/$file" "$upper/etc/"; done
echo 'newcomer:x:1000:1000::/home/newcomer:/bin/bash' >> "$upper/etc/passwd"
echo 'newcomer:x:1000:' >> "$upper/etc/group"
if [ -n "$whole" ]; then
    # Memory may not hold what a whole run leaves there.
    mkdir -m 1777 "$work/tmp"
    echo "$work/tmp=/tmp=rw" >> "$work/seen"
    built=$(dirname "$cache")/kubernetes/bin
    if [ -d "$built" ]; then
        mkdir -p "$work/home/newcomer/.cache/masakari-monitors/kubernetes"
        cp -r "$built" "$work/home/newcomer/.cache/masakari-monitors/kubernetes/"
    fi
fi
git -C "$here/.." clone -q . "$upper/src"
# As it stands here, committed or not.
(cd "$here/.." && git ls-files -z | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh | tar --null -cf - -T -) \
    | tar -C "$upper/src" -xf -
[ "$user" = root ] || chown -R 1000:1000 "$upper/src" "$work/home/newcomer"

cat > "$upper/try.sh" <<'E2'
set -eum
cd /src
failed() { echo "try-roots: $1" >&2; exit 1; }
echo "+ make run    (as $(id -un), with $("${PYTHON:-python3}" --version))"
make run > /tmp/run.log 2>&1 &
running=$!
for _ in $(seq 900); do
    if grep -q 'masakari-monitors is running' /tmp/run.log; then break; fi
    if ! kill -0 $running 2>/dev/null; then sed 's/^/  /' /tmp/run.log; failed "make run ended before anything ran"; fi
    sleep 1
done
sed 's/^/  /' /tmp/run.log
grep -q 'masakari-monitors is running' /tmp/run.log || failed "nothing runs after 15 minutes"
echo "+ masakari-monitors status"
.venv/bin/masakari-monitors status 2>&1 | sed 's/^/  /' || true
kill -INT -- -$running
code=0
wait $running || code=$?
echo "Ctrl-C: make run ends with $code"
! grep -q Traceback /tmp/run.log || failed "a traceback: $(tail -30 /tmp/run.log)"
if [ -n "$WHOLE" ]; then
    echo "+ make test"
    exec make test "PYTEST_ARGS=-q $*"
fi
if [ -n "$PREPARE" ]; then
    echo "+ tools/prepare-tests.sh"
    tools/prepare-tests.sh
fi
echo "+ pytest $*"
.venv/bin/pytest -q -n 0 "$@"
E2

echo "try-roots: Debian $release, as $user"
home=/home/newcomer way=()
[ "$user" = root ] || way=(setpriv --reuid 1000 --regid 1000 --clear-groups)
mapfile -t pip < <(env | grep '^PIP_' | grep -v '^PIP_CERT='; echo "PIP_CERT=$debian_root_authorities")
unshare --mount --pid --fork --kill-child --propagation private -- \
    "$here/enter-root.sh" "$cache/$suite" "$work" "$work/seen" \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "HOME=$home" "USER=$user" LC_ALL=C.UTF-8 \
    "${pip[@]}" "PREPARE=$prepare" "WHOLE=$whole" "PYTHON=${python:+$python/bin/}python3" "${way[@]}" bash /try.sh "$@" \
    || { echo "try-roots: FAILED" >&2; exit 1; }
echo "try-roots: Debian $release, as $user: all is well"
