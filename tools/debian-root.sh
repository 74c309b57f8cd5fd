# debian-root.sh: sourced (bash, after private-apt.sh) by whoever needs a small Debian as a folder.
#
# Its packages are unpacked, and known to its own dpkg and apt as installed. What they would do when they are installed is
# left out but for the few things that count.

# debian_root ROOT SCRATCH MIRROR SUITE PACKAGE...: makes it at ROOT, which is not there yet, of these packages and what
# they need. SCRATCH is a folder for what is fetched, the caller's to remove; private_apt goes on working there.
debian_root() {
    local root=$1 scratch=$2 mirror=$3 suite=$4 link package name
    shift 4
    private_apt_begin "$scratch/apt" "$mirror" "deb $suite main"
    : > "$scratch/status"
    private_apt update
    private_apt -o "Dir::State::status=$scratch/status" -o APT::Install-Recommends=false -o Debug::NoLocking=true \
        install --download-only -y "$@" >/dev/null

    mkdir -p "$root/var/lib/dpkg/"{info,updates,parts,triggers} "$root"/usr/{bin,sbin,lib,lib32,lib64,libx32}
    for link in bin sbin lib lib32 lib64 libx32; do ln -s "usr/$link" "$root/$link"; done
    for package in "$scratch"/apt/cache/archives/*.deb; do
        # As dpkg does: a folder of a package never takes the place of a link to one.
        dpkg-deb --fsys-tarfile "$package" | tar -C "$root" --keep-directory-symlink -xpf -
        name=$(dpkg-deb -f "$package" Package)
        [ "$(dpkg-deb -f "$package" Multi-Arch)" = same ] && name=$name:$(dpkg-deb -f "$package" Architecture)
        {
            dpkg-deb -f "$package" | sed '1a Status: install ok installed'
            echo
        } >> "$root/var/lib/dpkg/status"
        dpkg-deb --fsys-tarfile "$package" | tar -tf - | sed 's,^\./,/,; s,^/$,/.,; s,\(.\)/$,\1,' > "$root/var/lib/dpkg/info/$name.list"
    done
    : > "$root/var/lib/dpkg/available"
    # What the maintainer scripts of those packages would have done, as far as it counts.
    cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
    cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
    : > "$root/etc/shadow"
    : > "$root/etc/gshadow"
    sed 's/:.*/:*:::::::/' "$root/etc/passwd" > "$root/etc/shadow"
    sed 's/:.*/:*::/' "$root/etc/group" > "$root/etc/gshadow"
    chmod 640 "$root/etc/shadow" "$root/etc/gshadow"
    mkdir -p "$root/mnt" "$root/usr/local/bin"
    # What was locked or listens there would be seen by all that have a /run of their own.
    rm -rf "$root/var/run" "$root/var/lock"
    ln -s /run "$root/var/run"
    ln -s /run/lock "$root/var/lock"
    # Debian's pip does not begin without it.
    if [ -d "$root/usr/share/ca-certificates/mozilla" ]; then
        mkdir -p "$root/etc/ssl/certs"
        cat "$root"/usr/share/ca-certificates/mozilla/*.crt > "$root/etc/ssl/certs/ca-certificates.crt"
    fi
    chroot "$root" ldconfig
    cp -a "$root"/usr/share/pam/common-* "$root/etc/pam.d/" 2>/dev/null || true
    : > "$root/etc/apt/sources.list"
    : > "$root/etc/machine-id"
    printf '127.0.0.1 localhost node\n' > "$root/etc/hosts"
    echo node > "$root/etc/hostname"
}

# debian_root_once FOLDER SUITE KEY PACKAGE...: makes FOLDER/SUITE unless it was made of the same KEY (a word). It stays as
# it is for as long as the caller lives; who needs it otherwise waits for that.
debian_root_once() {
    local folder=$1 suite=$2 key=$3 mirror
    shift 3
    mkdir -p "$folder"
    exec 8>"$folder/$suite.lock"
    key="$key $(printf '%s ' "$@" | cat - "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1)"
    flock -s 8
    [ "$(cat "$folder/$suite.made" 2>/dev/null)" != "$key" ] || return 0
    flock -x 8
    if [ "$(cat "$folder/$suite.made" 2>/dev/null)" != "$key" ]; then
        mirror=$(private_apt_mirror) || { echo "$mirror" >&2; return 1; }
        echo "fetching a small Debian, $suite"
        rm -rf "${folder:?}/$suite" "$folder/$suite.scratch" "$folder/$suite.made"
        debian_root "$folder/$suite" "$folder/$suite.scratch" "$mirror" "$suite" "$@"
        rm -rf "$folder/$suite.scratch"
        echo "$key" > "$folder/$suite.made"
    fi
    flock -s 8
}

# debian_root_sources FOLDER MIRROR SUITE: where apt looks in the root of which FOLDER holds what is changed.
debian_root_sources() {
    mkdir -p "$1/etc/apt"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $2 $3 main" > "$1/etc/apt/sources.list"
}

# debian_root_ways: prints what this computer has of the way to the outside, for enter-root.sh: names, authorities (for pip,
# in $debian_root_authorities, beside those that packages make), and where its pip looks.
debian_root_authorities=/run/authorities.crt
debian_root_ways() {
    local file path
    {
        for file in /etc/resolv.conf /etc/pip.conf /etc/xdg/pip; do
            [ ! -e "$file" ] || echo "$file"
        done
        echo "/etc/ssl/certs/ca-certificates.crt=$debian_root_authorities"
        python3 -m pip config list 2>/dev/null | grep -o "/[^ ':]*" | while read -r path; do
            while [ ! -e "$path" ] && [ "$path" != / ]; do path=$(dirname "$path"); done
            [ ! -d "$path" ] || [ "$(dirname "$path")" = / ] || echo "$path"
        done
    } | sort -u
}
