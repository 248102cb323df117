"""What every script of `explain --script` has, whatever it builds: its words to the reader, its beginning, its end."""

from __future__ import annotations

HEAD = """
The container {id} of {bundle}, built by hand. Save it as a file and run it: {command}

It takes {needs}, a kernel with cgroup v2, and these commands of every Debian system: bash, coreutils, findutils, mawk,
util-linux, hostname, and of iproute2 ip.

Two processes share the work, as with minirun. The runtime is this shell; in step {fork} it starts the container's
process. No shell can enter a new namespace and go on: unshare and its like start another program in there. So each part
of the container's process ends with “exec”, and the program is this script again, with the name of the next part.
(Whoever that process becomes has to be able to read this file.) Where one of the two needs the other, they take turns:
each waits until the other has written to a pipe.

The numbers are those of the steps: “minirun explain --step N” says more about each. “not here” are those that a shell
can't do. The order is another than minirun's in one point: pivot_root takes the host's commands out of the process's
reach, and setpriv is one of them. So setpriv comes first; then the process waits while the runtime changes its root.
"""

BEGINNING = r"""
set -eu                               # stop at the first command that fails, and at a variable that has no value
set -E                                # in functions, too:
trap 'echo "$0: line $LINENO failed: $BASH_COMMAND" >&2' ERR
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

die() {
    echo "$0: $*" >&2
    exit 1
}

[ -n "${BASH_SOURCE-}" ] || die "save this script as a file first: it starts itself again"

needs() {                             # before anything is done: each program, and the package that brings it
    local program missing=""
    for program; do
        command -v "${program%=*}" > /dev/null || missing+="; ${program%=*} is not here: apt-get install ${program#*=}"
    done
    [ -z "$missing" ] || die "${missing#; }"
}

finish() {                            # whatever happens: nothing stays
    set +e
    trap - ERR
    if [ -n "$helper" ]; then         # it was not the program that ended
        give_back 2> /dev/null
        kill -KILL "$helper" ${pid:+"$pid"} 2> /dev/null
        wait "$helper" 2> /dev/null
    fi
    [ -z "$own_cgroup" ] || remove_cgroup
    rm -r "$work"
}

remove_cgroup() {
    echo 1 > "$cgroup/cgroup.kill"    # ends every process in it
    for _ in {1..50}; do
        find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null
        [ -e "$cgroup" ] || break
        sleep 0.1                     # a process that is dying keeps its cgroup for a moment
    done
    while [ "$cgroup" != "$own_cgroup" ]; do
        cgroup=${cgroup%/*}
        rmdir "$cgroup" 2> /dev/null || break
    done
}

needs_controllers() {
    for name; do
        grep -qw "$name" "$cgroups/cgroup.controllers" ||
            die "cgroup v2 has no $name controller here; cgroup v1 may have it: grep cgroup /proc/mounts"
    done
}

inside() {                            # no symlink of the image leads out of it, to files of the host
    local root place
    root=$(realpath "$rootfs")
    place=$(realpath --canonicalize-missing "$rootfs$1")
    [[ $place/ = "${root%/}"/* ]] || die "$1 leads to $place of the host, by a symlink of the image"
}

take_turn() {                         # the runtime waits for the container's process
    until read -r -t 1 _ <&8; do
        kill -0 "$helper" 2> /dev/null || exit 1
    done
    pid=$helper                       # or its child, if it has had to fork
    while child=$(< "/proc/$pid/task/$pid/children") && [ -n "$child" ]; do
        pid=${child% }
    done
}

hand_over() {                         # the container's process waits
    echo ready >&8
    read -r _ <&9
}
"""

RUNTIME_BEGINS = r"""
[ "$(id -u)" = USER_ID ] || die "NOT_USER"
script=$(realpath "$0")
pid="" helper="" cgroups="" cgroup="" own_cgroup=""    # whatever the caller calls so
setpriv=$(command -v setpriv)         # found now: under some limits no shell can fork
sh=$(command -v sh)
callers_umask=$(umask)
umask 022
work=$(mktemp --directory)
trap finish EXIT
mkfifo "$work/to-runtime" "$work/to-container"
exec 8<> "$work/to-runtime"
exec 9<> "$work/to-container"
"""

RUNTIME_ENDS = """
echo go >&9
status=0
wait "$helper" || status=$?           # the program's
helper=
exit "$status"
"""

# Which descriptors are the host's /dev/null can be told only as long as that one can be seen.
REOPEN_NULL = r"""
null=$rootfs/dev/null
if [ -c "$null" ] && [ "$(stat --format %t:%T "$null")" = 1:3 ]; then
    [ ! /proc/self/fd/0 -ef /dev/null ] || exec 0<> "$null"
    [ ! /proc/self/fd/1 -ef /dev/null ] || exec 1<> "$null"
    [ ! /proc/self/fd/2 -ef /dev/null ] || exec 2<> "$null"
fi
"""

CLOSE_OTHERS = r"""
for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    case $fd in
    [0-2] | [89] | 255) ;;            # the pipes are still needed; with 255 this shell reads the script
    *) exec {fd}>&- ;;
    esac
done
"""
