#!/bin/bash
# try-image.sh: builds what Containerfile says, and runs it as a container is run, without an engine for containers.
#
# Each line of Containerfile is done in a root folder of its own, on a Debian as small as its base. Then a process monitor
# runs there as the image's user in namespaces, and HEALTHCHECK is asked: it must be content with a folder for state that
# lasts, not with one in the container's own layer, and not once the monitor was stopped by STOPSIGNAL, with 0.
#
# Needs root, for namespaces; nothing of this computer is changed. Packages come from the mirror of this computer's apt, and
# as its pip is told. Exits 3 with the reason where it cannot work, 1 where something failed there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/.." && pwd)
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/roots

refuse() { echo "try-image: $1" >&2; exit 3; }
failed() { echo "try-image: FAILED: $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || refuse "not root"
[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || refuse "no Debian keyring (package debian-archive-keyring)"
. "$here/private-apt.sh"
. "$here/debian-root.sh"
mirror=$(private_apt_mirror) || refuse "$mirror"
mkdir -p "$cache"
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# A line each: the word of an instruction, a tab, the rest.
sed -e '/^#/d' -e ':again' -e '/\\$/{N;s/\\\n */ /;b again}' "$project/Containerfile" | sed -n 's/^\([A-Z]\+\) \+/\1\t/p' > "$work/instructions"
base=$(sed -n 's/^ARG\tBASE=.*debian:\([0-9]*\)-slim$/\1/p' "$work/instructions")
case $base in
12) suite=bookworm ;;
13) suite=trixie ;;
*) refuse "Containerfile's base is no small Debian 12 or 13" ;;
esac
debian_root_once "$cache/slim" "$suite" slim '?essential' apt mount passwd
debian_root_ways > "$work/seen"
mapfile -t pip < <(env | grep '^PIP_' | grep -v '^PIP_CERT='; echo "PIP_CERT=$debian_root_authorities")

# inside STAGE COMMAND...: runs it in that stage's root, with the environment that Containerfile has made so far.
inside() {
    unshare --mount --pid --fork --kill-child --propagation private -- \
        "$here/enter-root.sh" "$cache/slim/$suite" "$work/$1" "$work/seen" env -i "${environment[@]}" "${@:2}"
}
stage=0 from='' folder=/ user='' healthy='' signal='' command='' volumes=()
while IFS=$'\t' read -r word rest; do
    [ "$word" = ARG ] || echo "+ $word ${rest:0:100}"
    case $word in
    ARG) ;;
    FROM)
        stage=$((stage + 1)) folder=/
        environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "${pip[@]}")
        debian_root_sources "$work/$stage/upper" "$mirror" "$suite"
        case $rest in *" AS "*) from="${rest##* AS }=$stage" ;; esac
        ;;
    RUN) inside "$stage" sh -euc "cd $folder; $rest" > "$work/run.log" 2>&1 < /dev/null || { tail -40 "$work/run.log"; failed "$rest"; } ;;
    WORKDIR) folder=$rest && mkdir -p "$work/$stage/upper$folder" ;;
    COPY)
        read -ra words <<< "$rest"
        to=${words[-1]}
        case $to in /*) ;; *) to=$folder/$to ;; esac
        if [ "${words[0]}" = "--from=${from%=*}" ]; then
            mkdir -p "$work/$stage/upper$(dirname "$to")"
            cp -a "$work/${from#*=}/upper${words[1]}" "$work/$stage/upper$to"
        else
            # Of a folder, what it holds; and what git knows of it alone.
            (cd "$project" && git ls-files -z "${words[@]:0:${#words[@]}-1}" | tar --null -cf - -T -) | tar -C "$work/$stage/upper$folder" --no-same-owner -xf -
        fi
        ;;
    ENV) read -ra words <<< "$rest" && environment+=("${words[@]}") ;;
    VOLUME) volumes+=("$rest") ;;
    USER) user=$rest ;;
    HEALTHCHECK) healthy=${rest#* CMD } ;;
    STOPSIGNAL) signal=$rest ;;
    CMD) command=$(tr -d '[",]' <<< "$rest" | tr -d ']') ;;
    *) refuse "Containerfile says $word, which is not known here" ;;
    esac
done < "$work/instructions"
[ -n "$user" ] && [ -n "$healthy" ] && [ -n "$signal" ] && [ -n "$command" ] || failed "Containerfile says too little"
echo "the image beside its base: $(du -sh --exclude=var/cache "$work/$stage/upper" | cut -f1)"

upper=$work/$stage/upper
mkdir -p "$upper/etc/masakarimonitors"
cat > "$upper/etc/masakarimonitors/masakarimonitors.conf" <<'C'
[DEFAULT]
hostname = container
[receiver]
embedded = true
port = 0
[api]
auth_type = none
[process]
process_list_path = /etc/masakarimonitors/process_list.yaml
own_pid_namespace = true
C
cat > "$upper/etc/masakarimonitors/process_list.yaml" <<'C'
- process_name: /usr/bin/sleep infinity
  start_command: /bin/true
  restart_command: /bin/true
  run_as_root: false
C
# try.sh EXPECTED: with EXPECTED as HEALTHCHECK's exit code while the monitor runs.
cat > "$upper/try.sh" <<'C'
set -eu
as=(setpriv --reuid "${WHO%:*}" --regid "${WHO#*:}" --clear-groups --no-new-privs --bounding-set=-all)
/usr/bin/sleep infinity &
"${as[@]}" $COMMAND --monitor processmonitor > /tmp/said 2>&1 &
monitor=$!
health() { code=0; "${as[@]}" sh -c "$HEALTHY" 2>/dev/null || code=$?; }
for _ in $(seq 120); do
    health
    if [ "$code" = "$1" ] && grep -q 'is running' /tmp/said; then break; fi
    sleep 0.5
done
[ "$code" = "$1" ] || { cat /tmp/said; "${as[@]}" masakari-monitors status || true; echo "HEALTHCHECK gives $code, not $1"; exit 1; }
"${as[@]}" masakari-monitors status || true
kill -s "$SIGNAL" $monitor
code=0
wait $monitor || code=$?
[ $code = 0 ] || { cat /tmp/said; echo "$SIGNAL ends it with $code"; exit 1; }
health
[ "$code" != 0 ] || { echo "HEALTHCHECK is content with what does not run"; exit 1; }
! grep Traceback /tmp/said || { cat /tmp/said; exit 1; }
C
environment+=("HOME=$(sed -n "s/^[^:]*:[^:]*:${user%:*}:.*:\([^:]*\):[^:]*$/\1/p" "$upper/etc/passwd")" "WHO=$user" "COMMAND=$command" "HEALTHY=$healthy" "SIGNAL=$signal")
: > "$work/seen"
echo "+ $command, without a folder that lasts"
inside "$stage" bash /try.sh 1 || failed "in the container's own layer"
for volume in "${volumes[@]}"; do
    mkdir -p "$work/volume$volume"
    # As an engine makes a new volume: with what the image has there.
    cp -a "$upper$volume/." "$work/volume$volume/"
    chown --reference="$upper$volume" "$work/volume$volume" && chmod --reference="$upper$volume" "$work/volume$volume"
    echo "$work/volume$volume=$volume=rw" >> "$work/seen"
done
echo "+ $command, with its volume"
inside "$stage" bash /try.sh 0 || failed "with its volume"
echo "try-image: all is well"
