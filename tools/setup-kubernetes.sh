#!/bin/bash
# setup-kubernetes.sh: a real kube-apiserver and node-lifecycle controller for the tests, and etcd.
#
# No Debian release ships these binaries, but Debian 12 ships their source (1.20.2, all libraries
# included). They are built here, once, with Debian 11's Go (1.15; a newer one cannot build this
# release), which takes some minutes of all cores at the lowest priority and 4 GB of disk meanwhile.
# Everything is fetched as private-apt.sh says. Idempotent, and safe when two of them run at once.
#
# Result: $cache/kubernetes/bin/{etcd,kube-apiserver,kube-controller-manager}. When the build is not
# possible here it says why, leaves the reason in $cache/kubernetes/why-not, and exits 0: the tests
# against the real server are then skipped with that reason; the replay server's always run.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/private-apt.sh"
cache=${MASAKARI_MONITORS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/masakari-monitors}/kubernetes
bin=$cache/bin
programs='etcd kube-apiserver kube-controller-manager'

"$here/ensure-packages.sh" util-linux openssl curl debian-archive-keyring

mkdir -p "$cache"
exec 8>"$cache/.lock"
flock 8

complete=yes
for program in $programs; do [ -x "$bin/$program" ] || complete=no; done
[ "$complete" = no ] || exit 0

not_here() {
    echo "No real kube-apiserver for the tests: $1"
    echo "$1" > "$cache/why-not"
    exit 0
}
[ "${MASAKARI_MONITORS_NO_KUBERNETES:-}" = '' ] || not_here "MASAKARI_MONITORS_NO_KUBERNETES is set"
[ "$(df -k --output=avail "$cache" | tail -n1)" -gt 5000000 ] || not_here "less than 5 GB of disk are free in $cache"
[ "$(dpkg --print-architecture)" = amd64 ] || not_here "it is only built on amd64"

mirror=$(private_apt_mirror) || not_here "$mirror"

work=$(mktemp -d "$cache/build.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
private_apt_begin "$work" "$mirror" 'deb bullseye main' 'deb bookworm main' 'deb-src bookworm main'
echo "building a real kube-apiserver for the tests in $cache (some minutes, once)"
private_apt update || not_here "apt could not read the package lists of its mirror"
if ! private_apt download golang-1.15-go golang-1.15-src etcd-server/bookworm \
    || ! private_apt source --download-only kubernetes; then
    not_here "apt could not download Go, etcd or the source of Kubernetes"
fi
mkdir "$work/root"
for package in "$work"/download/*.deb; do dpkg -x "$package" "$work/root"; done

build() {
    export GOROOT=$work/root/usr/lib/go-1.15 GOPATH=$work/gopath GOCACHE=$work/gocache
    export GO111MODULE=off CGO_ENABLED=0 PATH=$GOROOT/bin:$PATH
    local tree=$GOPATH/src/k8s.io/kubernetes flags packages machinery
    mkdir -p "$tree"
    tar xzf "$work"/download/kubernetes_*.orig.tar.gz -C "$tree" --strip-components=1
    cd "$tree"
    # One generated file is not in the archive; its generator is.
    nice -n 19 go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    packages=$(grep -rl --include=doc.go -E '^// \+k8s:openapi-gen=' staging/src/k8s.io pkg/apis \
        | grep -v -E 'testdata|sample|code-generator' | xargs -n1 dirname | sort -u \
        | sed -e 's#^staging/src/#k8s.io/kubernetes/vendor/#' -e 's#^pkg/#k8s.io/kubernetes/pkg/#' | paste -sd,)
    machinery=k8s.io/kubernetes/vendor/k8s.io/apimachinery/pkg
    "$work/openapi-gen" --logtostderr -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi -o "$GOPATH/src" \
        -i "$packages,$machinery/version,$machinery/runtime,$machinery/util/intstr,$machinery/api/resource" \
        -h hack/boilerplate/boilerplate.generatego.txt -r "$work/violations"
    flags='-s -w -X k8s.io/component-base/version.gitVersion=v1.20.2'
    flags="$flags -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=20"
    mkdir -p "$work/bin"
    nice -n 19 go build -trimpath -ldflags "$flags" -o "$work/bin/" ./cmd/kube-apiserver ./cmd/kube-controller-manager
    cp "$work/root/usr/bin/etcd" "$work/bin/"
}
# In a shell of its own: one that is asked "or else" ignores its own set -e.
export work
bash -euo pipefail -c "$(declare -f build); build" > "$cache/build.log" 2>&1 || not_here "the build failed, see $cache/build.log"

# In place by one rename for each: a reader sees either no program or a whole one.
mkdir -p "$bin"
for program in $programs; do mv "$work/bin/$program" "$bin/"; done
rm -f "$cache/why-not"
"$bin/kube-apiserver" --version
