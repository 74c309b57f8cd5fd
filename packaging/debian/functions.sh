#!/bin/sh
set -e
conf=/etc/masakarimonitors

# The operator's files, of Debian's own packages or written by hand, are kept as they are and without a question: set
# aside before dpkg looks, and put back when ours are in place.
set_aside() {
    for name in masakarimonitors.conf process_list.yaml; do
        if [ -f "$conf/$name" ] && [ ! -e "$conf/$name.kept" ]; then mv "$conf/$name" "$conf/$name.kept"; fi
    done
}
put_back() {
    for name in masakarimonitors.conf process_list.yaml; do
        if [ -f "$conf/$name.kept" ]; then mv "$conf/$name.kept" "$conf/$name"; fi
    done
}
# True where Debian's own packages are in place of ours.
theirs_are_back() {
    set -- $(dpkg-query -W -f '${db:Status-Status} ${Version}' masakari-monitors-common 2>/dev/null)
    case ${1:-not-installed} in
        not-installed | config-files) false ;;
        *) dpkg --compare-versions "$2" lt 1:0 ;;
    esac
}
# The rotation and the rule for sudo: while what they are for is gone neither logrotate nor sudo reads them. Debian's own
# packages have others for the same logs, and logrotate passes over the second of two.
put_by() {
    for file in /etc/logrotate.d/masakari-monitors /etc/sudoers.d/masakari-monitors; do
        if [ -f "$file" ]; then mv "$file" "$file.disabled"; fi
    done
}
take_up() {
    for file in /etc/logrotate.d/masakari-monitors /etc/sudoers.d/masakari-monitors; do
        if [ -f "$file.disabled" ] && [ ! -e "$file" ]; then mv "$file.disabled" "$file"; fi
    done
}
systemd_runs() { [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; }

# True if the user has joined one.
join_groups() {
    joined=false
    for group in libvirt haclient; do
        if getent group "$group" >/dev/null && ! id -nG masakari | tr ' ' '\n' | grep -qx "$group"; then
            adduser --quiet masakari "$group" && joined=true
        fi
    done
    if [ -x /usr/sbin/corosync-cmapctl ] && [ -e /etc/corosync/uidgid.d/masakari ]; then
        # What the file in uidgid.d says, for a Corosync that runs already.
        timeout 10 corosync-cmapctl -s "uidgid.uid.$(id -u masakari)" u8 1 >/dev/null 2>&1 || true
    fi
    $joined
}
