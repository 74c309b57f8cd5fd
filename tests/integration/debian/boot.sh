#!/bin/sh
# boot.sh ROOT CHANGES PACKAGES: process 1 of a host of its own, with its own systemd: the Debian in ROOT, whose changes
# are kept in memory at CHANGES. The folder PACKAGES is seen at /mnt, and this computer's own files, to be read, at /outer.
#
# Called in new namespaces (mount, pid, ipc, uts, net, cgroup). Nothing is started but what is asked for later.
set -eu
root=$1 changes=$2 packages=$3
mount -t tmpfs -o mode=755 changes "$changes"
mkdir "$changes/upper" "$changes/work" "$changes/host"
mount -t overlay -o "lowerdir=$root,upperdir=$changes/upper,workdir=$changes/work" host "$changes/host"
cd "$changes/host"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    : > "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
hostname node
ip link set lo up

mkdir old outer
pivot_root . old
mount --bind /old /outer
mount -o remount,bind,ro /outer
mount --bind "/old$packages" /mnt
umount -l /old
rmdir /old
exec env -i container=tests PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target \
    --show-status=no --log-target=console --log-level=warning
