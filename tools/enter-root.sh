#!/bin/bash
# enter-root.sh LOWER WORK SEEN [COMMAND...]: runs COMMAND in the Debian LOWER (debian-root.sh), whose files stay as they are.
#
# To be run by `unshare --mount --pid --fork`: what is mounted here ends with it. What COMMAND changes is in WORK/upper. SEEN
# is a file of paths, one a line, that are seen there as this computer has them, read-only: PATH, PATH=OTHER where it is seen
# as OTHER, or PATH=OTHER=rw where it may be changed.
set -euo pipefail
lower=$1 work=$2 seen=$3
shift 3
root=$work/root
mkdir -p "$root" "$work"/{upper,work}
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev"
mkdir "$root"/dev/{shm,pts,net}
chmod 1777 "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# Beside those that everything needs, what disks, networks and guests of one's own are made with, where it is here.
for device in null zero full random urandom tty loop-control loop{0..7} fuse kvm net/tun; do
    [ -e "/dev/$device" ] || continue
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mount -t sysfs -o ro sysfs "$root/sys"
for groups in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -e "$groups/cgroup.procs" ] || continue
    mount --bind "$groups" "$root/sys/fs/cgroup"
    break
done
while IFS== read -r path other mode; do
    other=$root${other:-$path}
    if [ -d "$path" ]; then mkdir -p "$other"; else mkdir -p "$(dirname "$other")" && touch "$other"; fi
    mount --bind -o "${mode:-ro}" "$path" "$other"
done < "$seen"
# Not by chroot alone: whoever enters a mount namespace (nsenter, setns) stands at its root, and would stand outside.
cd "$root"
mkdir -p .outside
pivot_root . .outside
exec chroot . sh -euc 'umount -l /.outside; rmdir /.outside; exec "$@"' sh "$@"
