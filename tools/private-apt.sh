# private-apt.sh: sourced (bash) by a set-up that takes packages, or source, of any Debian release.
#
# They come from the mirror that this computer's own apt already uses, with a sources list, package
# lists and a cache of their own, so that the system's apt state is not touched; the signatures are
# checked with Debian's keyring (package debian-archive-keyring).

# private_apt_mirror: prints the mirror; when there is none, prints why and fails.
private_apt_mirror() {
    local codename mirror='' read
    command -v apt-get >/dev/null || { echo "this computer has no apt-get"; return 1; }
    # The one of this computer's own Debian suite; only the suite's name differs. Where apt has fetched no list yet, as on
    # a Debian that was just made, what its configuration says has to do.
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    for read in '' --no-release-info; do
        [ -n "$mirror" ] || mirror=$(apt-get indextargets $read --format '$(REPO_URI)|$(RELEASE)' 'Created-By: Packages' \
            | sed -n "s/|$codename\$//p")
    done
    [ -n "$mirror" ] || { echo "apt's configuration names no mirror of Debian '$codename'"; return 1; }
    echo "${mirror%%$'\n'*}"
}

# private_apt_begin FOLDER MIRROR LINE...: prepares FOLDER, the caller's to remove; a LINE of its
# sources list is 'deb bullseye main', say. Packages are downloaded into FOLDER/download.
private_apt_begin() {
    local folder=$1 mirror=$2 line signed
    shift 2
    mkdir -p "$folder"/{lists/partial,cache/archives/partial,download}
    chmod 755 "$folder" "$folder/download"
    signed="[arch=$(dpkg --print-architecture) signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    for line in "$@"; do
        echo "${line%% *} $signed $mirror ${line#* }"
    done > "$folder/sources.list"
    private_apt_folder=$folder
    private_apt_options=(
        -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3
        -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache"
        # apt's unprivileged user could not write into our private folder.
        -o APT::Sandbox::User=root
        -o Acquire::AllowInsecureRepositories=false -o APT::Get::AllowUnauthenticated=false
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
    )
}

# private_apt ARGUMENT...: apt-get, in the folder that was begun.
private_apt() { (cd "$private_apt_folder/download" && apt-get "${private_apt_options[@]}" "$@"); }

# private_apt_program NAME SUITE PACKAGE WORD: puts the program NAME of Debian SUITE's PACKAGE at $cache/bin/NAME, unpacked
# and not installed, and prints its version, for which it is asked with WORD. One that runs is left as it is. Exits 3 with
# the reason when it cannot. Safe when two of them run at once.
private_apt_program() {
    local name=$1 suite=$2 package=$3 word=$4 binary=$cache/bin/$1 mirror version
    give_up() {
        echo "Cannot set up $name: $1" >&2
        exit 3
    }
    mkdir -p "$cache"
    exec 8>"$cache/.lock"
    flock 8
    if [ -x "$binary" ] && "$binary" "$word" >/dev/null 2>&1; then
        return
    fi
    mirror=$(private_apt_mirror) || give_up "$mirror; put a $name binary at $binary yourself"

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    private_apt_begin "$work" "$mirror" "deb $suite main"

    echo "fetching $name from Debian $suite into $cache"
    private_apt update || give_up "apt could not read Debian $suite's package list from this computer's mirror"
    private_apt download "$package" || give_up "apt could not download the package $package"
    mkdir "$work/root"
    dpkg -x "$work/download/$package"_*.deb "$work/root"
    "$work/root/usr/bin/$name" "$word" >/dev/null || give_up "the downloaded binary does not run on this computer"

    # In place by one rename: a reader sees either no binary or a whole one.
    mkdir -p "$cache/bin"
    cp "$work/root/usr/bin/$name" "$cache/bin/.$name.new"
    mv "$cache/bin/.$name.new" "$binary"
    version=$("$binary" "$word")
    echo "${version%%$'\n'*}"
}
