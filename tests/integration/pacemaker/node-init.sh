#!/bin/sh
# node-init.sh HOME NAME KIND SBIN...: process 1 of one host of the rig (KIND: member | remote).
#
# It stands in pid, mount, net, uts and ipc namespaces of its own, waits for its network card, gives
# itself the private folders that corosync and pacemaker write to, and starts them. SIGKILL of this
# process is a power cut.
set -eu
home=$1 name=$2 kind=$3 sbin=$4 remote_sbin=$5

hostname "$name"
mount -t sysfs sysfs /sys 2>/dev/null || true
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/corosync /run/crm /run/resource-agents /run/masakari-monitors
chown hacluster:haclient /run/crm
chmod 750 /run/crm
chmod 1777 /run/lock
mount -t tmpfs -o mode=1777 tmpfs /dev/shm # libqb's ring buffers: shared ones would join all hosts
for pair in etc-corosync:/etc/corosync etc-pacemaker:/etc/pacemaker lib-pacemaker:/var/lib/pacemaker \
    lib-corosync:/var/lib/corosync log:/var/log; do
    mount --bind "$home/${pair%%:*}" "${pair#*:}"
done
mount --bind "$home/hosts" /etc/hosts
mount --bind "$home/loadavg" /proc/loadavg
mount -t overlay overlay -o "lowerdir=$sbin:$remote_sbin:/usr/sbin" /usr/sbin
mkdir -p /var/log/pacemaker /var/log/corosync
chown hacluster:haclient /var/log/pacemaker
ip link set lo up

# The card is plugged in from outside; power is on once it has an address.
until ip -4 addr show dev eth0 2>/dev/null | grep -q 'inet '; do sleep 0.05; done

start_corosync() {
    corosync -f >/var/log/corosync/stdout 2>&1 &
    until corosync-cfgtool -s >/dev/null 2>&1; do sleep 0.1; done
}
case $kind in
member)
    start_corosync
    pacemakerd >/var/log/pacemaker/stdout 2>&1 &
    ;;
remote)
    pacemaker-remoted >/var/log/pacemaker/stdout 2>&1 &
    ;;
esac
# Reap, as every process 1 must, until the power goes.
while :; do
    sleep 1000 &
    wait $! || true
done
