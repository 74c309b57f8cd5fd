#!/bin/sh
# prepare-tests.sh: runs every tools/setup-*.sh, which make the real systems that tests run against.
#
# Each builds into $MASAKARI_MONITORS_CACHE (default: ~/.cache/masakari-monitors) and returns at once
# when that is done. Three at a time; what each says is printed with its name in front. A set-up that
# cannot work here (exit 3: not root, say) is no failure: its tests are skipped with the reason. Any
# other failure ends with exit 1.
set -eu
cd "$(dirname "$0")/.."
MASAKARI_MONITORS_CACHE=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}
export MASAKARI_MONITORS_CACHE
mkdir -p "$MASAKARI_MONITORS_CACHE"

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export results

one() {
    name=$(basename "$1" .sh)
    {
        code=0
        "$1" 2>&1 || code=$?
        echo "$code" > "$results/$name.code"
    } | sed -u "/^$name: /!s/^/$name: /"
}

if [ "${1:-}" = --one ]; then
    shift
    results=$1
    trap - EXIT
    one "$2"
    exit 0
fi

set -- tools/setup-*.sh
[ -e "$1" ] || exit 0
printf '%s\n' "$@" | xargs -P 3 -n 1 "$0" --one "$results"

failed=''
for script in "$@"; do
    name=$(basename "$script" .sh)
    code=$(cat "$results/$name.code" 2>/dev/null || echo 1)
    case $code in
        0) ;;
        3) echo "$name: cannot work here (see above); its tests will be skipped" ;;
        *)
            echo "$name: FAILED with exit code $code" >&2
            failed="$failed $name"
            ;;
    esac
done
[ -z "$failed" ]
