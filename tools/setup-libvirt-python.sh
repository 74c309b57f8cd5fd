#!/bin/sh
# setup-libvirt-python.sh [PYTHON]: gives a virtual environment libvirt's Python binding, which the two
# instance monitors need and which has no ready-made wheels.
#
# PYTHON: the environment's interpreter (default: .venv/bin/python beside this folder).
#   - already importable: nothing to do;
#   - the operating system's own Python, on Debian or Ubuntu: links the files of its package python3-libvirt into the
#     environment;
#   - otherwise: builds libvirt-python from its source (gcc, pkg-config, libvirt-dev and the
#     interpreter's headers).
# Exits 0 when `import libvirt` works in the end, 3 with the reason when it does not. Never needed to
# start the program: without the binding a monitor that wants it says what to do.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${1:-$here/../.venv/bin/python}
works() { "$python" -c 'import libvirt, libvirt_qemu' 2>/dev/null; }

if works; then
    exit 0
fi
if ! "$python" -c '' 2>/dev/null; then
    echo "setup-libvirt-python: no interpreter at $python" >&2
    exit 3
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
site=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["platlib"])')
case "$("$python" -c 'import sys; print(sys.prefix != sys.base_prefix)')" in
True) ;;
*)
    echo "setup-libvirt-python: $python is not a virtual environment; install libvirt's binding there yourself" >&2
    exit 3
    ;;
esac

link() {
    source=/usr/lib/python3/dist-packages
    for file in libvirt.py libvirt_qemu.py libvirt_lxc.py libvirtaio.py; do
        if [ -e "$source/$file" ]; then ln -sf "$source/$file" "$site/$file"; fi
    done
    for file in "$source"/libvirtmod*.so; do
        if [ -e "$file" ]; then ln -sf "$file" "$site/$(basename "$file")"; fi
    done
    # Compiled beforehand: compiling it at each start would cost every daemon 10 MB.
    "$python" -m compileall -q "$site"/libvirt*.py || true
}
unlink() {
    for file in "$site"/libvirt*.py "$site"/libvirtmod*.so; do
        if [ -L "$file" ]; then rm -f "$file"; fi
    done
}

# The package is for the Python of the operating system, whichever that is.
own=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
if [ "$version" = "$own" ] && command -v dpkg-query >/dev/null && sh "$here/ensure-packages.sh" python3-libvirt; then
    link
    if works; then
        echo "setup-libvirt-python: the operating system's python3-libvirt linked into $site"
        exit 0
    fi
    unlink
fi

if sh "$here/ensure-packages.sh" gcc libc6-dev pkg-config libvirt-dev; then
    pinned=$(sed -n 's/^libvirt-python==/libvirt-python==/p' "$here/../constraints.lock" 2>/dev/null | head -n1)
    echo "setup-libvirt-python: building ${pinned:-libvirt-python} (about 15 s)"
    if "$python" -m pip install -q "${pinned:-libvirt-python>=9.0}" && works; then
        echo "setup-libvirt-python: built into $site"
        exit 0
    fi
fi
echo "setup-libvirt-python: no libvirt binding for $python (Python $version); the instance monitors cannot run with it." >&2
echo "    Install python3-libvirt (for Python ${own:-of the operating system}), or gcc, pkg-config, libvirt-dev and this Python's headers," >&2
echo "    then: $python -m pip install libvirt-python" >&2
exit 3
