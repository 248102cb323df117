# shellcheck shell=bash
# What the examples share. They read this file with "."
#
#   $here                     the example's own directory
#   minirun                   the program of that name: $MINIRUN, or the one on $PATH, or the one that ./try installed
#   find_tools PROGRAM:PACKAGE...    ends with a word about those that are missing
#   limit CONTROLLER VALUE    adds --set /linux/resources/VALUE to $limits, where this host has that controller
#   make_directory NAME       sets $NAME to a new directory, which goes away with the script

set -euo pipefail
umask 022 # the files of an image are for its users, whatever the caller's umask
here=$(dirname "$(realpath "$0")")
name=${here##*/}/${0##*/}

die() {
    echo "$name: $*" >&2
    exit 1
}

find_minirun() {
    local installed=$here/../../.venv/bin/minirun
    [ -n "${MINIRUN:-}" ] || MINIRUN=$(type -P minirun) || MINIRUN=$installed
    type -P "$MINIRUN" >/dev/null || die "minirun is not installed: run ./try first, or set \$MINIRUN"
    MINIRUN=$(realpath "$(type -P "$MINIRUN")")
}

minirun() {
    "$MINIRUN" "$@"
}

find_tools() {
    local tool
    for tool; do
        type -P "${tool%:*}" >/dev/null || die "${tool%:*} is missing: apt-get install ${tool#*:}"
    done
}

# cgroups(7), "Cgroups v2 controllers": a hybrid host gives them to version 1, and then there is no limit to set.
limits=()
limit() {
    if grep -qsw "$1" /sys/fs/cgroup/cgroup.controllers; then
        limits+=(--set "/linux/resources/$2")
    else
        echo "$name: without $2: cgroup v2 has no $1 controller on this host" >&2
    fi
}

at_the_end=()
make_directory() {
    printf -v "$1" %s "$(mktemp --directory --tmpdir "minirun-${here##*/}.XXXXXX")"
    at_the_end+=("rm -rf --one-file-system ${!1}")
}

clean_up() {
    local number
    for ((number = ${#at_the_end[@]} - 1; number >= 0; number--)); do
        ${at_the_end[number]} || true
    done
}

[ "$(id -u)" = 0 ] || die "must be root: sudo $0"
find_minirun
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
