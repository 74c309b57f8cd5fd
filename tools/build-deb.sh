#!/bin/bash
# build-deb.sh [FOLDER]: the Debian packages (packaging/debian/README.md) into FOLDER, or dist/. Nothing is installed.
#
# Needs .venv (make setup), dpkg-deb, and the Python that the packages are to run with: $DEB_PYTHON, by default
# /usr/bin/python3. What this project needs is installed into an environment in the cache, once per content of
# constraints.lock and pyproject.toml. Built from the files as they stand here, committed or not.
# $DEB_COMPRESSION is xz, or what else dpkg-deb knows. build-deb.sh --prepare: that environment alone. Exits 3 with the reason when it cannot work here.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD
python=${DEB_PYTHON:-/usr/bin/python3}
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/debian
home=/usr/lib/masakari-monitors
maintainer=${DEB_MAINTAINER:-the masakari-monitors authors <root@localhost>}

refuse() { echo "build-deb: $1" >&2; exit 3; }
command -v dpkg-deb >/dev/null || refuse "there is no dpkg-deb here; Debian packages are built on Debian or Ubuntu"
"$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || refuse "$python is no Python of 3.11 or later with its venv module; name one: DEB_PYTHON=..."
[ -x .venv/bin/python ] || refuse "there is no .venv yet: make setup"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next=$("$python" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')
suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
site=lib/python$version/site-packages

pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input -qq --python "$1" "${@:2}"; }
compile() { "$1/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$1" -p "$home" "${@:2}"; }

mkdir -p "$cache"
exec 8>"$cache/.environment.lock"
flock 8
needed=$(.venv/bin/python - <<'P'
import tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
print(*project["dependencies"], *project["optional-dependencies"]["upgrade"], sep="\n")
P
)
key=$(printf '%s\n' "$needed" "$("$python" -VV)" 'made by rule 1' | cat - constraints.lock | sha256sum | cut -c1-16)
environment=$cache/environment-$version
if [ "$(cat "$environment/.made" 2>/dev/null)" != "$key" ]; then
    echo "build-deb: an environment with what is needed (once)"
    rm -rf "$environment"
    "$python" -m venv --without-pip "$environment"
    printf '%s\n' "$needed" > "$environment/.needed"
    pip "$environment/bin/python" install --no-compile -c constraints.lock -r "$environment/.needed"
    find "$environment/$site" -depth -type d -name tests -exec rm -rf {} +
    compile "$environment" "$environment/$site"
    echo "$key" > "$environment/.made"
fi
flock -u 8
[ "${1:-}" != --prepare ] || exit 0

folder=$(mkdir -p "${1:-dist}" && cd "${1:-dist}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The package itself, and its pages, from a copy: what a build leaves in a folder of sources is not wanted here.
tar --exclude=.git --exclude=.venv --exclude=build --exclude=dist --exclude=docs/_build --exclude=__pycache__ \
    --exclude='*.egg-info' -cf - . | tar -C "$work" --one-top-level=source -xf -
.venv/bin/python -m pip --disable-pip-version-check -qq wheel --no-deps --no-build-isolation -w "$work" "$work/source"
(cd "$work/source" && PYTHONPATH=$work/source "$here/.venv/bin/python" -m sphinx -q -b man docs "$work/man")

main=$work/masakari-monitors
install -d "$main"{/usr/bin,/usr/lib/{systemd/system,sysusers.d,tmpfiles.d},/etc/{sudoers.d,logrotate.d,corosync/uidgid.d}} \
    "$main"{/etc/masakarimonitors,/usr/share/man/man1,/usr/share/bash-completion/completions,/usr/share/doc/masakari-monitors/examples} \
    "$main"/usr/share/{zsh/vendor-completions,fish/vendor_completions.d}
cp -a "$environment" "$main$home"
rm "$main$home/.made" "$main$home/.needed"
pip "$main$home/bin/python" install --no-deps --no-index --no-compile --no-warn-script-location "$work"/masakari_monitors-*.whl
rm -f "$main$home/$site"/masakari_monitors-*.dist-info/direct_url.json
compile "$main$home" "$main$home/$site/masakarimonitors"
# Debian's own libvirt binding, and no more of what Debian has for its Python; compiled when the package is configured.
for name in libvirt libvirt_qemu libvirt_lxc libvirtaio; do
    ln -s "/usr/lib/python3/dist-packages/$name.py" "$main$home/$site/$name.py"
done
for name in libvirtmod libvirtmod_qemu libvirtmod_lxc; do
    ln -s "/usr/lib/python3/dist-packages/$name$suffix" "$main$home/$site/$name$suffix"
done
# It was made in one folder and is run in another.
ln -sf "/usr/bin/python$version" "$main$home/bin/python$version"
ln -sf "python$version" "$main$home/bin/python3"
ln -sf python3 "$main$home/bin/python"
printf 'home = /usr/bin\ninclude-system-site-packages = false\n' > "$main$home/pyvenv.cfg"
for script in "$main$home"/bin/*; do
    case ${script##*/} in
        python*) ;;
        masakari-* | privsep-helper | oslo-config-generator | oslo-config-validator)
            sed -i "1s,^#!.*,#!$home/bin/python3," "$script"
            ;;
        *) rm "$script" ;;
    esac
done
# Under the name that sudo is told; oslo.privsep's own would end where the log goes to the journal.
printf '#!%s/bin/python3\nfrom masakarimonitors.privsep import main\n\nmain()\n' "$home" > "$main$home/bin/privsep-helper"
for program in "$main$home"/bin/masakari-*; do ln -s "../lib/masakari-monitors/bin/${program##*/}" "$main/usr/bin/"; done

install -m 644 etc/systemd/masakari-monitors* "$main/usr/lib/systemd/system/"
install -m 644 etc/sysusers.d/* "$main/usr/lib/sysusers.d/"
install -m 644 etc/tmpfiles.d/* "$main/usr/lib/tmpfiles.d/"
install -m 644 etc/logrotate.d/* "$main/etc/logrotate.d/"
install -m 644 etc/corosync/uidgid.d/* "$main/etc/corosync/uidgid.d/"
sed "s,/usr/bin/privsep-helper,$home/bin/privsep-helper,g" etc/sudoers.d/masakari-monitors > "$main/etc/sudoers.d/masakari-monitors"
chmod 440 "$main/etc/sudoers.d/masakari-monitors"
install -m 640 packaging/debian/{masakarimonitors.conf,process_list.yaml} "$main/etc/masakarimonitors/"
install -m 644 etc/masakarimonitors/*.sample "$main/usr/share/doc/masakari-monitors/examples/"
install -m 644 README.md docs/*.rst packaging/debian/copyright "$main/usr/share/doc/masakari-monitors/"
gzip -9nc CHANGELOG.md > "$main/usr/share/doc/masakari-monitors/changelog.gz"
for page in "$work"/man/*.1; do gzip -9nc "$page" > "$main/usr/share/man/man1/${page##*/}.gz"; done
completion() { PYTHONPATH=$here .venv/bin/python tools/completion.py "$1" > "$main/usr/share/$2"; }
completion bash bash-completion/completions/masakari-monitors
completion zsh zsh/vendor-completions/_masakari-monitors
completion fish fish/vendor_completions.d/masakari-monitors.fish
# bash and fish look for a file of the program's name; zsh reads whose it is.
for program in "$main$home"/bin/masakari-*; do
    name=${program##*/}
    [ "$name" != masakari-monitors ] || continue
    ln -s masakari-monitors "$main/usr/share/bash-completion/completions/$name"
    ln -s masakari-monitors.fish "$main/usr/share/fish/vendor_completions.d/$name.fish"
done

release=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' masakarimonitors/version.py | sed -E 's/\.dev/~dev/; s/(a|b|rc)([0-9])/~\1\2/')
number=1:$release
architecture=$(dpkg --print-architecture)

# build NAME CONTROL-TEMPLATE SCRIPTS-PREFIX SED-EXPRESSION...: one package out of $work/NAME
build() {
    local name=$1 control=$2 scripts=$3 tree=$work/$1 script
    shift 3
    install -d "$tree/DEBIAN"
    local fill=(-e "s|@VERSION@|$number|g" -e "s|@MAINTAINER@|$maintainer|g" -e "s|@ARCH@|$architecture|g"
        -e "s|@PYTHON@|python$version|g" -e "s|@PYTHON_VERSION@|$version|g" -e "s|@PYTHON_NEXT@|$next|g"
        -e "s|@SITE@|$home/$site|g" -e "s|@HOME@|$home|g" -e "s|@PACKAGE@|$name|g" "$@")
    sed "${fill[@]}" "packaging/debian/$control" > "$tree/DEBIAN/control"
    for script in preinst postinst prerm postrm; do
        [ -e "packaging/debian/$scripts.$script" ] || continue
        cat packaging/debian/functions.sh "packaging/debian/$scripts.$script" | sed "${fill[@]}" > "$tree/DEBIAN/$script"
        chmod 755 "$tree/DEBIAN/$script"
    done
    [ ! -e "packaging/debian/$scripts.triggers" ] || cp "packaging/debian/$scripts.triggers" "$tree/DEBIAN/triggers"
    if [ -d "$tree/etc" ]; then (cd "$tree" && find etc -type f -printf '/%p\n' | sort > DEBIAN/conffiles); fi
    sed -i "s|^Description:|Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)\n&|" "$tree/DEBIAN/control"
    chmod -R u+w,go+rX,go-w "$tree/DEBIAN"
    (cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0r md5sum > DEBIAN/md5sums)
    dpkg-deb --root-owner-group "-Z${DEB_COMPRESSION:-xz}" -z1 --build "$tree" "$folder/${name}_${release}_$(sed -n 's/^Architecture: //p' "$tree/DEBIAN/control").deb" >/dev/null
}

monitor() {
    local name=$1 depends=$2 recommends=$3 what=$4 long=$5
    install -d "$work/$name/usr/lib/systemd/system" "$work/$name/usr/share/doc/$name"
    install -m 644 "etc/systemd/$name.service" "$work/$name/usr/lib/systemd/system/"
    install -m 644 packaging/debian/copyright "$work/$name/usr/share/doc/$name/"
    # The other name is known to systemd before the unit is enabled, too.
    ln -s "$name.service" "$work/$name/usr/lib/systemd/system/$(sed -n 's/^Alias=//p' "etc/systemd/$name.service")"
    build "$name" monitor.control monitor -e "s|@DEPENDS@|$depends|" -e "s|@RECOMMENDS@|$recommends|" -e "s|@WHAT@|$what|" -e "s|@LONG@|$long|"
}
monitor masakari-host-monitor '' 'pacemaker-cli-utils, tcpdump' 'hosts' 'Tells masakari of hosts that are lost, as Pacemaker, Consul or Kubernetes see them.'
monitor masakari-instance-monitor '' 'libvirt-daemon-system' 'instances' 'Tells masakari of instances that crashed or were killed, as libvirt sees them.'
monitor masakari-introspective-instance-monitor '' 'libvirt-daemon-system' 'guests' 'Tells masakari of guests that hang, as their agent shows.'
monitor masakari-process-monitor ', sudo' 'systemd' 'processes' 'Starts service processes that died again, and tells masakari where that fails.'
install -d "$work/masakari-monitors-common/usr/share/doc/masakari-monitors-common"
install -m 644 packaging/debian/copyright "$work/masakari-monitors-common/usr/share/doc/masakari-monitors-common/"
build masakari-monitors-common masakari-monitors-common.control masakari-monitors-common
build masakari-monitors masakari-monitors.control masakari-monitors
ls "$folder"/masakari-*_"$release"_*.deb
