# shellcheck shell=bash
# How Debian's packages become a disk, without mounting one. The machine of the tests (build) and that of a class
# (classroom/box) are both made in this way; they read this file with ".", after scripts/setup.sh.
#
#   need_tools <TABLE    says what to install, where something is missing, and ends; the table is more than what is here
#   debian=(OPTION...)   of mmdebstrap(1): a small Debian; the caller adds packages, hooks, suite and directory
#   make_file_system     mke2fs(8); the caller says with what (-d DIRECTORY) and where

# shellcheck disable=SC2034 # for those who read this
suite=bookworm

# shellcheck disable=SC2034
debian=(
    --quiet --variant=minbase
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"'
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*'
)

need_tools() {
    local missing
    missing=$(cat - <(tools) | missing_packages)
    [ -z "$missing" ] ||
        die "something is missing. First: sudo apt-get install --no-install-recommends ${missing//$'\n'/ }"
}

tools() {
    cat <<'END'
mmdebstrap              mmdebstrap  a Debian in a directory
e2fsprogs               mke2fs      a disk made of that
debian-archive-keyring  -           the keys that Debian's packages are signed with
END
}

make_file_system() {
    mke2fs -q -t ext4 -m 0 "$@"
}
