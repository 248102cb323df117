# shellcheck shell=bash
# What the three bundle scripts share. They read this file with "."; it does nothing by itself.
#
#   $usage               is the script's own, one line
#   read_options "$@"    sets $force, $rootless, and the array $operands to what is not an option
#   begin BUNDLE         makes the empty $rootfs = BUNDLE/rootfs, which is removed again should the script fail
#   skeleton             fills it with what every small root file system has
#   finish ARGUMENT...   writes BUNDLE/config.json, which will run these arguments, and says what to type next

set -euo pipefail

# The modes below are meant for everybody in the container; the caller's umask may be 077.
umask 022

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# shellcheck disable=SC2154 # usage
read_options() {
    force=no rootless=() operands=()
    while [ $# -gt 0 ]; do
        case $1 in
            --force) force=yes ;;
            --rootless) rootless=(--rootless) ;;
            -h | --help) echo "$usage" && exit ;;
            -*) die "unknown option $1; $usage" ;;
            *) operands+=("$1") ;;
        esac
        shift
    done
}

# The minirun to ask: $MINIRUN, or the one on $PATH, or the one that ./try installed beside this directory.
find_minirun() {
    local installed
    installed=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")/.venv/bin/minirun
    if [ -n "${MINIRUN:-}" ]; then
        type -P "$MINIRUN" || die "\$MINIRUN is $MINIRUN, which is no program"
    elif ! type -P minirun; then
        [ -x "$installed" ] || die "minirun is not installed: run ./try in minirun's directory first, or set \$MINIRUN"
        echo "$installed"
    fi
}

begin() {
    minirun=$(find_minirun)
    bundle=$1 rootfs=$1/rootfs made_bundle=
    if [ -e "$bundle" ]; then
        [ -d "$bundle" ] || die "$bundle is not a directory"
        [ -z "$(ls -A "$bundle")" ] || [ "$force" = yes ] ||
            die "$bundle is not empty; --force replaces the bundle in it"
        remove_bundle
    else
        made_bundle=yes
    fi
    trap 'remove_bundle' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -p "$rootfs"
}

# Takes away the two things that a script puts into a bundle and nothing else. --one-file-system spares what a mount
# that somebody forgot below the root file system shows, which may be the host's own files.
remove_bundle() {
    rm -rf --one-file-system "$rootfs" "$bundle/config.json"
    if [ -n "$made_bundle" ]; then
        rmdir --ignore-fail-on-non-empty "$bundle"
    fi
}

skeleton() {
    mkdir -p "$rootfs"/{dev,etc,home,proc,root,run,sys,tmp,var}
    chmod 700 "$rootfs/root"
    chmod 1777 "$rootfs/tmp" # sticky: only its owner may remove a file there
    echo 'root:x:0:0:root:/root:/bin/sh' >"$rootfs/etc/passwd"
    echo 'nobody:x:65534:65534:nobody:/nonexistent:/bin/false' >>"$rootfs/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$rootfs/etc/group"
}

finish() {
    local asroot=
    "$minirun" spec "${rootless[@]}" --bundle "$bundle"
    set_arguments "$bundle/config.json" "$@"
    trap - EXIT
    [ "$(id -u)" = 0 ] || [ "${#rootless[@]}" = 1 ] || asroot='sudo '
    echo "$bundle is ready. Run it:"
    printf '  %s%q run %q\n' "$asroot" "$minirun" "$bundle"
}

set_arguments() {
    python3 -I - "$@" <<'END'
import json, sys

path, *arguments = sys.argv[1:]
with open(path) as file:
    config = json.load(file)
config["process"]["args"] = arguments
with open(path, "w") as file:
    json.dump(config, file, indent=4)
    file.write("\n")
END
}
