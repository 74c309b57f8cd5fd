#!/bin/sh
# setup-virt.sh: what the tests against a real libvirtd need: Debian's libvirtd and QEMU (never
# started here, nothing enabled at boot) and a small guest, built from Debian's own kernel,
# busybox and qemu-guest-agent packages, kept in the cache for the next run.
#
# Cache: ${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/virt
#   guest/vmlinuz, guest/initrd.gz   the guest
#   ready                            written last: says with which packages the guest was built
# Exits 3 with a clear message where it cannot work (not amd64, not root and packages missing).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/virt

if [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then
    echo "setup-virt: the guest is built from Debian's amd64 packages; this computer is not Debian amd64" >&2
    exit 3
fi

sh "$here/ensure-packages.sh" libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86 \
    qemu-utils seabios busybox-static cpio gzip xz-utils kmod libc-bin util-linux iproute2 sasl2-bin libsasl2-modules openssl

mkdir -p "$cache"
exec 8>"$cache/lock"
flock 8

# Part of the stamp: a change of this recipe builds the guest anew.
recipe=$(sha256sum "$0" | cut -c1-16)
if [ -f "$cache/ready" ] && [ "$(head -n1 "$cache/ready")" = "recipe $recipe" ] && [ -s "$cache/guest/initrd.gz" ]; then
    echo "setup-virt: ready in $cache"
    exit 0
fi
rm -f "$cache/ready"

work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
debs=$cache/debs
mkdir -p "$debs"

# fetch PACKAGE: its .deb by this computer's own apt (signatures checked), kept in the cache; prints the file.
fetch() {
    version=$(apt-cache policy "$1" | awk '/Candidate:/ {print $2}')
    if [ -z "$version" ] || [ "$version" = "(none)" ]; then
        apt-get -qq update >&2
        version=$(apt-cache policy "$1" | awk '/Candidate:/ {print $2}')
    fi
    file="$debs/$1_$(echo "$version" | sed 's/:/%3a/')_amd64.deb"
    if [ ! -s "$file" ]; then
        echo "setup-virt: fetching $1 $version" >&2
        mkdir -p "$work/dl"
        (cd "$work/dl" && { apt-get -qq -o APT::Sandbox::User=root download "$1" ||
            { apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download "$1"; }; }) >&2
        mv "$work/dl/$1"_*.deb "$file"
    fi
    echo "$file"
}

kernel_package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ {print $2; exit}')
if [ -z "$kernel_package" ]; then
    apt-get -qq update
    kernel_package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-[0-9]/ {print $2; exit}')
fi
kernel_deb=$(fetch "$kernel_package")
agent_deb=$(fetch qemu-guest-agent)
echo "setup-virt: building the guest ($kernel_package, $(basename "$agent_deb" .deb))"
dpkg -x "$kernel_deb" "$work/kernel"
# Debian 13 has its modules below /usr/lib, compressed; depmod and modprobe look below /lib.
[ -e "$work/kernel/lib" ] || ln -s usr/lib "$work/kernel/lib"
find "$work/kernel/lib/" -name '*.ko.xz' -exec xz -d {} +
dpkg -x "$agent_deb" "$work/agent"
release=${kernel_package#linux-image-}

# ---- the guest's root: busybox, qemu-ga with its libraries, a dozen modules, one init script
root=$work/root
mkdir -p "$root/bin" "$root/sbin" "$root/usr/sbin" "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp" \
    "$root/etc/acpi/PWRF" "$root/lib/modules" "$root/lib64" "$root/lib/x86_64-linux-gnu" "$root/var/run" "$root/var/log"
cp /bin/busybox "$root/bin/"
for applet in sh mount mkdir insmod cat echo ls sleep kill pidof poweroff reboot halt dd printf setsid grep acpid \
    ps mknod sync ln touch rm usleep stty; do
    ln -sf busybox "$root/bin/$applet"
done
agent=$work/agent/usr/sbin/qemu-ga
cp "$agent" "$root/usr/sbin/"
if ldd "$agent" | grep 'not found' >&2; then
    echo "setup-virt: the libraries above, which qemu-guest-agent needs, are not on this computer" >&2
    exit 3
fi
for library in $(ldd "$agent" | grep -o '/lib[^ ]*'); do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
done
PATH=$PATH:/usr/sbin:/sbin
depmod -b "$work/kernel" "$release"
for module in virtio_pci virtio_console virtio_blk pvpanic-mmio pvpanic-pci button evdev; do
    modprobe -d "$work/kernel" -S "$release" --show-depends "$module" | awk '/^insmod/ {print $2}'
done | awk '!seen[$0]++' | while read -r file; do
    cp "$file" "$root/lib/modules/"
    basename "$file" .ko >>"$root/lib/modules/order"
done

# A line that comes in at the second serial port is a number and a script; when that has ended, the number and its exit
# code go out there.
cat >"$root/init" <<'INIT'
#!/bin/sh
export PATH=/bin:/sbin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for module in $(cat /lib/modules/order); do insmod /lib/modules/$module.ko; done
acpid 2>/dev/null
port=
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    for name in /sys/class/virtio-ports/*/name; do
        [ "$(cat $name 2>/dev/null)" = org.qemu.guest_agent.0 ] && { port=${name%/name}; port=/dev/${port##*/}; }
    done
    [ -n "$port" ] && break
    sleep 0.1
done
# Open before the agent answers, so that whoever waits for that is heard here.
exec 3</dev/ttyS1
stty -F /dev/ttyS1 -echo
echo "rig: agent port ${port:-none} at $(cat /proc/uptime)"
# A killed agent comes back after a second, as under a service manager, unless the file below exists.
while [ -n "$port" ] && [ ! -e /tmp/norespawn ]; do
    qemu-ga -m virtio-serial -p $port -t /var/run -f /var/run/qga.pid
    sleep 1
done &
while read -r number script <&3; do
    (sh -c "$script" >/dev/null 2>&1 </dev/null 3<&-; echo "$number $?" >/dev/ttyS1) &
done
while :; do sleep 3600; done
INIT
# qemu-ga runs `shutdown -h|-P|-r +0`; the power button runs the acpi script.
printf '#!/bin/sh\ncase "$*" in *-r*) reboot -f ;; *) poweroff -f ;; esac\n' >"$root/sbin/shutdown"
printf '#!/bin/sh\npoweroff -f\n' >"$root/etc/acpi/PWRF/00000080"
chmod 755 "$root/init" "$root/sbin/shutdown" "$root/etc/acpi/PWRF/00000080"

mkdir -p "$work/guest"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/guest/initrd.gz"
cp "$work/kernel/boot/vmlinuz-$release" "$work/guest/vmlinuz"
chmod 755 "$work/guest"
chmod 644 "$work/guest"/*
rm -rf "$cache/guest"
mv "$work/guest" "$cache/guest"
printf 'recipe %s\n%s\n%s\n' "$recipe" "$kernel_package" "$(basename "$agent_deb" .deb)" >"$cache/ready"
echo "setup-virt: built in $cache"
