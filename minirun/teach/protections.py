"""What keeps a container away from the host, one thing at a time, and what the container could do without it.

Each of these says what happens if it alone is left out and all others stay. tests/kernel/test_without.py leaves it out,
and has a program in the container do what the sentence says.
"""

from __future__ import annotations

from ..record import Record


class Protection(Record):
    """`without` is about the container. {names} in it are numbers of the host: without.py has them."""

    name: str  # how --without calls it
    title: str
    chapter: str  # of teach/chapters.py
    steps: tuple[str, ...]  # the classes of the steps that make it
    without: str
    source: str  # a manual page, or where it went wrong once (CVE)
    asked: str  # how config.json or the command line asks for it
    still: str = ""  # what may then still be in the way
    attack: str = ""  # a line for a shell in the container; $… is for the reader to fill in
    of: tuple[str, ...] = ()  # of a class of many uses: any of these words, as without.py has them of a step
    outside: str = ""  # where it is no step: what does it instead
    unless: str = ""  # the class of a step that leaves nothing of it


ENTERING = ("StartContainerProcess", "Unshare", "JoinNamespace")
MOUNTING = ("MountFilesystem", "BindMount", "AttachMappedMount", "ChangeMount", "MountCgroup", "BindCgroup")
ANY_CASE = "nothing: minirun does it in any case"
STAYS_INSIDE = "Without CAP_SYS_CHROOT it stays inside. In a user namespace it may do outside what everybody may."
# Any directory will do whose parent is the root: the current one is then above the new root.
WALK_OUT = """cd /; perl -e 'chroot "dev"; chdir ".." for 1..99; chroot "."; exec "ls"'"""


def namespace(kind: str, without: str, source: str = "", still: str = "", attack: str = "") -> Protection:
    asked = f'{{"type": "{kind}"}} in /linux/namespaces'
    source = source or f"{kind}_namespaces(7)"
    written = kind.upper() if kind in ("pid", "uts", "ipc") else kind
    return Protection(
        kind, f"the {written} namespace", "namespaces", ENTERING, without, source, asked, still, attack, (kind,)
    )


def limit(
    name: str, title: str, files: tuple[str, ...], without: str, asked: str, still: str, attack: str
) -> Protection:
    return Protection(name, title, "limits", ("SetLimit",), without, "cgroups(7)", asked, still, attack, files)


NAMESPACES = (
    namespace(
        "pid",
        "It sees every process of the host in its /proc{processes}, with their command lines, and can send them "
        "signals: to those of its own user, and with CAP_KILL to all.",
        still="In a user namespace its users are other users outside, without root you, and it may signal only their "
        "processes.",
        attack="ls -d /proc/[0-9]*; kill -STOP $pid",
    ),
    namespace(
        "network",
        "It has the host's network interfaces{interfaces} and addresses. It reaches what listens on 127.0.0.1 only, "
        "and the sockets without a file (@… in /proc/net/unix), whose owners can't tell its root from the host's.",
        source="network_namespaces(7), CVE-2020-15257",
        still="In a user namespace the owners of sockets see another user than root.",
        attack="cat /proc/net/unix; nc 127.0.0.1 $port",
    ),
    namespace(
        "mount",
        "Its mounts are the host's, so the root can't be pivoted, only changed with chroot(2): a program with "
        "CAP_SYS_CHROOT walks out of that to every file of the host.",
        source="mount_namespaces(7)",
        still=STAYS_INSIDE,
        attack=WALK_OUT,
    ),
    namespace(
        "uts",
        "Its host name is the host's, {hostname}; with CAP_SYS_ADMIN it gives the host another one.",
        still="In a user namespace CAP_SYS_ADMIN does not count for the host's name.",
        attack="hostname; hostname owned",
    ),
    namespace(
        "ipc",
        "It finds the shared memory, semaphores and message queues of the host's programs, and reads, writes or "
        "removes those that its user may.",
        still="In a user namespace its users are other users outside, without root you, and may only what those may.",
        attack="cat /proc/sysvipc/shm; ipcrm -m $id",
    ),
    namespace(
        "user",
        "Root in it is root of the host. If it gets hold of any file of the host, by a volume or by a mistake of the "
        "runtime, that file is its own, and what it leaves on a volume belongs to the host's root.",
        still="Capabilities that it does not have, and files that it does not see. Where its user is another than "
        "root, all this is that user's. An ordinary user can make no container without it.",
        attack="cat /proc/self/uid_map; cat $volume/secret",
    ),
    namespace(
        "cgroup",
        "/proc/self/cgroup tells it where the host keeps it: the whole path, with the container's id and "
        "what is above.",
        attack="cat /proc/self/cgroup",
    ),
    Protection(
        "time",
        "shifted clocks (the time namespace)",
        "namespaces",
        ("WriteTimeOffset", "JoinNamespace"),
        "CLOCK_BOOTTIME and CLOCK_MONOTONIC are the host's: it knows how long the host has been up{uptime}.",
        "time_namespaces(7)",
        '{"type": "time"} in /linux/namespaces and offsets in /linux/timeOffsets, without which its clocks go as the '
        "host's",
        attack="cat /proc/uptime",
        of=("boottime", "monotonic", "time"),
    ),
)

FILES = (
    Protection(
        "pivot",
        "pivot_root, instead of chroot",
        "mounts",
        ("PivotRoot", "MoveRoot"),
        "The host's files are still mounted above its root, which only stops lookups at this one directory. With "
        "CAP_SYS_CHROOT a program changes its root to a directory further down, and walks up past the old one.",
        "pivot_root(2), chroot(2)",
        '{"type": "mount"} in /linux/namespaces',
        STAYS_INSIDE,
        WALK_OUT,
    ),
    Protection(
        "detach",
        "detaching the old root",
        "mounts",
        ("DetachOldRoot",),
        "The host's whole tree stays in its mount namespace. pivot_root has put it on top of the root, where /.. leads "
        "to: no right is needed to look.",
        "pivot_root(2)",
        'no --no-pivot, which only hides it, and {"type": "mount"} in /linux/namespaces',
        "Files that its user may not read.",
        "ls /..",
    ),
    Protection(
        "propagation",
        "mounts that do not spread",
        "mounts",
        ("SetRootPropagation",),
        "What it mounts on a volume appears on the host as well, in front of the host's own files there.",
        "mount_namespaces(7)",
        "another word than shared in /linux/rootfsPropagation, and a mount namespace",
        "Without CAP_SYS_ADMIN it can't mount. In a user namespace the kernel cuts this tie by itself. The other way, "
        "from the host into a volume, only private cuts, not slave.",
        "mount -t tmpfs none $volume",
        ("slave", "private"),
    ),
    Protection(
        "symlinks",
        "symlinks that end inside",
        "mounts",
        (),
        "While minirun puts the container together, a symlink of the image leads it to a file of the host, and there "
        "it mounts, makes directories and devices, with the rights of who has started it. In a volume that it shares, "
        "another container can change such a link at the right moment.",
        "openat2(2), CVE-2021-30465",
        ANY_CASE,
        "In a user namespace minirun does most of this as the container's root.",
        outside="each step that looks for a path of the image has the kernel take the container's root for /, by "
        "RESOLVE_IN_ROOT (minirun/steps/paths.py)",
    ),
    Protection(
        "masked-paths",
        "masked paths",
        "mounts",
        ("MaskPath",),
        "It reads files of /proc and /sys that show the kernel, which no namespace divides: what its timers are for "
        "(/proc/timer_list), keys of the host's users with the same number (/proc/keys), with CAP_SYS_RAWIO all of "
        "the memory (/proc/kcore).",
        "proc(5)",
        "/linux/maskedPaths",
        "In a user namespace its root may not open most of them.",
        "cat /proc/keys; head /proc/timer_list",
    ),
    Protection(
        "readonly-paths",
        "read-only paths",
        "mounts",
        ("MakePathReadOnly",),
        "Root in it writes settings of the whole kernel, and needs no capability for it: a program named in "
        "/proc/sys/kernel/core_pattern is run by the host's kernel, as the host's root; /proc/sysrq-trigger reboots "
        "the machine.",
        "proc(5), core(5), CVE-2022-0811",
        "/linux/readonlyPaths",
        "In a user namespace its root may not write them.",
        "echo '|/bin/nothing' > /proc/sys/kernel/core_pattern",
    ),
    Protection(
        "readonly-sys",
        "the read-only /sys",
        "mounts",
        MOUNTING,
        "Root in it writes settings of the host's devices and kernel, and needs no capability for most: how disks are "
        "read (/sys/block), how memory is shared out (/sys/kernel/mm), that the machine goes to sleep "
        "(/sys/power/state).",
        "sysfs(5)",
        "ro among the options of the mount at /sys",
        "In a user namespace its root may not write them.",
        "grep . /sys/block/*/queue/read_ahead_kb; echo 0 > /sys/block/$disk/queue/read_ahead_kb",
        ("/sys rdonly",),
    ),
    Protection(
        "mount-flags",
        "nosuid, nodev, noexec",
        "mounts",
        MOUNTING,
        "On volumes, in /dev/shm and so on it runs programs, set-user-id ones too, and opens device files: all that "
        "somebody outside has left there, or that a fault of its program lets others write.",
        "mount(2)",
        "nosuid, nodev, noexec among the options of a mount",
        "What the device filter refuses it can't open; with no_new_privs no program is set-user-id.",
        "cp /bin/true /dev/shm; /dev/shm/true && echo runs",
        ("nosuid", "nodev", "noexec"),
    ),
    Protection(
        "readonly-root",
        "the read-only root",
        "mounts",
        ("MakeRootReadOnly",),
        "It changes the files of its image. They are files of the host, so the next container of this bundle starts "
        "with what it has left, such as another /bin/sh.",
        "mount_setattr(2)",
        "true in /root/readonly",
        "Files that its user may not write.",
        "echo gotcha > /etc/motd",
    ),
    Protection(
        "device-filter",
        "the device filter",
        "filters",
        ("AttachDeviceFilter",),
        "With CAP_MKNOD it makes itself a device file for any device of the host, and opens it: by that of a disk it "
        "reads and writes every file there, whatever the permissions say.",
        "mknod(2), bpf(2)",
        "root, a cgroup, and a /linux/resources/devices that does not allow everything",
        "Without CAP_MKNOD, and in any user namespace, it can't make the file; a mount with nodev does not let it be "
        "opened.",
        "cat /sys/class/block/*/dev; mknod /dev/disk b $major $minor; head -c 512 /dev/disk",
    ),
)

RIGHTS = (
    Protection(
        "capabilities",
        "the capabilities that are given up",
        "identity",
        ("DropBoundingSet", "SetCapabilities", "SetAmbientSet", "GiveUpFilterRights"),
        "As root it has all of root's power over the host's kernel: it loads modules and sets the clock, and it takes "
        "away masks and read-only mounts.",
        "capabilities(7)",
        "fewer than all in /process/capabilities",
        "In a user namespace, capabilities count for what belongs to that namespace only.",
        "umount /proc/keys && cat /proc/keys; date -s 12:00",
    ),
    Protection(
        "bounding-set",
        "the capability bounding set",
        "identity",
        ("DropBoundingSet",),
        "What it has given up comes back with the next program: executing any file as root grants every capability "
        "that the bounding set still has.",
        "capabilities(7)",
        "fewer than all in /process/capabilities/bounding",
        "With no_new_privs nothing comes back. For another user than root it takes a set-user-id program, or one with "
        "file capabilities.",
        "grep CapEff /proc/self/status",
    ),
    Protection(
        "no-new-privs",
        "no_new_privs",
        "exec",
        ("SetNoNewPrivs",),
        "An ordinary user in it becomes root in it, by a set-user-id program of the image: by su with the password, "
        "by others through a fault.",
        "prctl(2), PR_SET_NO_NEW_PRIVS",
        "true in /process/noNewPrivileges",
        "That root has no more capabilities than the bounding set.",
        "find / -perm -4000; su",
    ),
    Protection(
        "groups",
        "no groups of the caller's",
        "identity",
        ("SetUser",),
        "It stays in the groups of who has started minirun, and may what they may: those in disk read all disks.",
        "credentials(7), setgroups(2)",
        "root, or more than one's own group in /linux/gidMappings: else nobody may set groups, since one can be there "
        "to keep somebody out (user_namespaces(7))",
        "Files and devices that it does not see.",
        "grep Groups /proc/self/status",
        unless="DenySetgroups",
    ),
    Protection(
        "seccomp",
        "the system call filter",
        "filters",
        ("LoadFilter",),
        "It may make every system call of the kernel. A fault in any of them can be a way out; many were found behind "
        "calls that few programs need, such as unshare and keyctl.",
        "seccomp(2), CVE-2022-0185",
        "/linux/seccomp",
        attack="unshare --user id",
    ),
    Protection(
        "label",
        "the AppArmor or SELinux label",
        "identity",
        ("SetExecLabel",),
        "Owners and capabilities alone decide what it may: as root it writes to most files that it sees. Where they "
        "are set wrong, nobody else says no.",
        "apparmor(7), selinux(8)",
        "/process/apparmorProfile or /process/selinuxLabel",
        attack="cat /proc/self/attr/current",
    ),
)

LIMITS = (
    Protection(
        "own-cgroup",
        "the cgroup of its own",
        "limits",
        ("JoinCgroup", "StartScope"),
        "No limit holds for it, nor does the device filter: they are the cgroup's, and it is not in there. What it "
        "starts can't be paused or killed as a whole.",
        "cgroups(7)",
        "another --cgroup-manager than disabled; without root, --systemd-cgroup",
        attack="cat /sys/fs/cgroup/cgroup.procs",
    ),
    limit(
        "memory",
        "the memory limit",
        ("memory.max", "memory.swap.max", "memory.high"),
        "It takes all of the host's memory{memory}; then the kernel kills whichever process is the biggest, in the "
        "container or not, until there is enough again.",
        "/linux/resources/memory/limit",
        "",
        "tail /dev/zero",
    ),
    limit(
        "pids",
        "the limit of processes",
        ("pids.max",),
        "It forks until the host can have no more processes{processes_at_most}: then nobody can start anything, nor "
        "log in.",
        "/linux/resources/pids/limit",
        "A memory limit: it counts what the kernel keeps for each process, too.",
        "bomb() { bomb | bomb & }; bomb",
    ),
    limit(
        "cpu",
        "the processor limit",
        ("cpu.max",),
        "It may use all processors{processors} for as long as it likes; to others the kernel leaves what is fair, "
        "which may be little.",
        "/linux/resources/cpu/quota",
        "/linux/resources/cpu/cpus, which says on which processors.",
        "for each in $(seq $(nproc)); do yes > /dev/null & done",
    ),
    limit(
        "io",
        "the disk limit",
        ("io.max",),
        "It may read and write as fast as the disk can, and others wait for their turn.",
        "/linux/resources/blockIO",
        "",
        "dd if=/dev/zero of=$volume/file bs=1M count=1000 conv=fsync",
    ),
    Protection(
        "rlimits",
        "resource limits",
        "limits",
        ("SetRlimit",),
        "Each of its processes may have as many open files, as large a stack or core dump, as the caller of minirun: "
        "what the kernel holds for all can run out.",
        "getrlimit(2)",
        "/process/rlimits",
        "The memory limit of the cgroup: it counts what the kernel keeps for its processes, too.",
        "ulimit -a",
    ),
)

INHERITED = (
    Protection(
        "session",
        "the session of its own",
        "namespaces",
        ("StartSession",),
        "It is in the job of who has started minirun: kill 0 ends that whole job, processes outside included, and "
        "/dev/tty is the caller's terminal, into which some kernels let it type commands.",
        "setsid(2), CVE-2017-5226",
        ANY_CASE,
        "In a user namespace its users are other users outside, and only their processes get the signal.",
        "kill -USR1 0; echo I am here > /dev/tty",
    ),
    Protection(
        "tracers",
        "closing the process to tracers",
        "namespaces",
        ("CloseToTracers", "SetUser"),
        "In the moment before its program runs, other processes of the same user open what it still holds of the "
        "host: those of the pid namespace that it joins, which is another container's, or for exec this one's.",
        "ptrace(2), CVE-2016-9962",
        ANY_CASE,
        "Until it gives up its capabilities, it has more rights than the others.",
        "ls -l /proc/$pid/fd",
    ),
    Protection(
        "descriptors",
        "no descriptors of the caller's",
        "process",
        ("KeepDescriptors",),
        "It has every file that the caller or minirun had open. If one of them is a directory, all below that is "
        "within reach, and by .. all above.",
        "close_range(2), CVE-2024-21626",
        ANY_CASE + ", but for --preserve-fds",
        "Files that its user may not read.",
        "ls -l /proc/self/fd; ls /proc/self/fd/$fd/..",
    ),
    Protection(
        "seal",
        "the sealed interpreter",
        "process",
        (),
        "Until the program runs, the process is the host's python3. An image whose program is /proc/self/exe gets that "
        "file, and root in it may write to it as soon as nobody runs it: the next who uses python3 on the host runs "
        "what stands there then.",
        "CVE-2019-5736",
        ANY_CASE,
        "In a user namespace, its root may not write files of the host's root.",
        outside="where its user could write to the interpreter, minirun goes over to a read-only copy before the first "
        "step (minirun/runtime/seal.py)",
    ),
    Protection(
        "null",
        "its own /dev/null",
        "process",
        ("GuardDevices", "ReopenNull", "UseTerminal"),
        "Where the caller has given it the host's /dev/null, as services do, root in it can change who may use that: "
        "then every program of the host that writes there fails, but root's.",
        "null(4)",
        ANY_CASE,
        "In a user namespace, its root is not the owner.",
        "chmod 600 /proc/self/fd/2",
    ),
    Protection(
        "keyring",
        "the session keyring of its own",
        "namespaces",
        ("JoinSessionKeyring",),
        "It has the keys of who has started minirun, such as those for encrypted directories: there is no namespace "
        "for them.",
        "session-keyring(7)",
        "no --no-new-keyring",
        attack="keyctl show @s; keyctl print $key",
    ),
)

PROTECTIONS = (*NAMESPACES, *FILES, *RIGHTS, *LIMITS, *INHERITED)
