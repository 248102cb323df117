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
    of: tuple[str, ...] = ()  # of a class of many uses: the types of namespace, or the files of the cgroup
    outside: str = ""  # where it is no step: what does it instead


ENTERING = ("Unshare", "JoinNamespace")
WALK_OUT = """mkdir d; perl -e 'chroot "d"; chdir ".." for 1..99; chroot "."; exec "ls", "/"'"""


def namespace(kind: str, without: str, source: str = "", still: str = "", attack: str = "") -> Protection:
    asked = f'{{"type": "{kind}"}} in /linux/namespaces'
    source = source or f"{kind}_namespaces(7)"
    written = kind.upper() if kind in ("pid", "uts", "ipc") else kind
    return Protection(
        kind, f"the {written} namespace", "namespaces", ENTERING, without, source, asked, still, attack, (kind,)
    )


def limit(name: str, title: str, files: tuple[str, ...], without: str, asked: str, attack: str) -> Protection:
    return Protection(name, title, "limits", ("SetLimit",), without, "cgroups(7)", asked, attack=attack, of=files)


NAMESPACES = (
    namespace(
        "pid",
        "It sees every process of the host in its /proc, {processes} now, with their command lines, and can send them "
        "signals: to those of its own user, and with CAP_KILL to all.",
        still="With a user namespace, its root is nobody to the host's processes, and may signal none of them.",
        attack="ls -d /proc/[0-9]*; kill -STOP $pid",
    ),
    namespace(
        "network",
        "It has the host's {interfaces} network interfaces and addresses. It reaches what listens on 127.0.0.1 only, "
        "and the sockets without a file (@… in /proc/net/unix), whose owners often trust everybody who can connect.",
        source="network_namespaces(7), CVE-2020-15257",
        attack="cat /proc/net/unix; nc 127.0.0.1 $port",
    ),
    namespace(
        "mount",
        "Its mounts are the host's, so the root can't be pivoted, only changed with chroot(2): a program with "
        "CAP_SYS_CHROOT walks out of that to every file of the host.",
        source="mount_namespaces(7)",
        still="Without CAP_SYS_CHROOT it stays inside. In a user namespace the host's files are others' files.",
        attack=WALK_OUT,
    ),
    namespace(
        "uts",
        "Its host name is the host's, {hostname}; with CAP_SYS_ADMIN it gives the host another one.",
        attack="hostname; hostname owned",
    ),
    namespace(
        "ipc",
        "It finds the shared memory, semaphores and message queues of the host's programs, and reads, writes or "
        "removes those that its user may.",
        still="With a user namespace, its root is nobody to their owners.",
        attack="ipcs -m; ipcrm -m $id",
    ),
    namespace(
        "user",
        "Root in it is root of the host. If it gets hold of any file of the host, by a volume or by a mistake of the "
        "runtime, that file is its own, and what it leaves on a volume belongs to the host's root.",
        still="Capabilities that it does not have, and files that it does not see.",
        attack="cat /proc/self/uid_map; cat $volume/secret",
    ),
    namespace(
        "cgroup",
        "/proc/self/cgroup tells it where the host keeps it: the whole path, with the container's id and "
        "what is above.",
        attack="cat /proc/self/cgroup",
    ),
    namespace(
        "time",
        "CLOCK_BOOTTIME and CLOCK_MONOTONIC are the host's: it knows how long the host has been up, {uptime} now.",
        attack="cat /proc/uptime",
    ),
)

FILES = (
    Protection(
        "pivot",
        "pivot_root, instead of chroot",
        "mounts",
        ("PivotRoot", "DetachOldRoot"),
        "The host's files are still mounted above its root, which only stops lookups at this one directory. With "
        "CAP_SYS_CHROOT a program changes its root to a directory further down, and walks up past the old one.",
        "pivot_root(2), chroot(2)",
        'no --no-pivot, and {"type": "mount"} in /linux/namespaces',
        "Without CAP_SYS_CHROOT it stays inside.",
        WALK_OUT,
    ),
    Protection(
        "masked-paths",
        "masked paths",
        "mounts",
        ("MaskPath",),
        "It reads files of /proc and /sys that show the host, since no namespace divides them: which processes the "
        "kernel's timers are for (/proc/timer_list), others' keys (/proc/keys), with CAP_SYS_RAWIO all memory "
        "(/proc/kcore).",
        "proc(5)",
        "/linux/maskedPaths",
        "In a user namespace its root may not open most of them.",
        "head /proc/timer_list",
    ),
    Protection(
        "readonly-paths",
        "read-only paths",
        "mounts",
        ("MakePathReadOnly",),
        "Root in it writes settings of the whole kernel: a program named in /proc/sys/kernel/core_pattern is run by "
        "the host's kernel, as the host's root; /proc/sysrq-trigger reboots the machine.",
        "proc_sys(5), core(5), CVE-2022-0811",
        "/linux/readonlyPaths",
        "In a user namespace its root may not write them.",
        "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern",
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
        "/linux/resources/devices; without root nobody can have it",
        "Without CAP_MKNOD it can't make the file; a mount with nodev does not let it be opened.",
        "mknod disk b 8 0; head -c 512 disk",
    ),
)

RIGHTS = (
    Protection(
        "capabilities",
        "the capabilities that are given up",
        "identity",
        ("DropBoundingSet", "SetCapabilities", "SetAmbientSet"),
        "As root it has all of root's power over the host's kernel: load modules, mount, set the clock, change the "
        "network, trace processes, read every file that it sees.",
        "capabilities(7)",
        "fewer than all in /process/capabilities",
        "In a user namespace, capabilities count for what belongs to that namespace only.",
        "grep CapEff /proc/self/status",
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
        "sh -c 'grep CapEff /proc/self/status'",
    ),
    Protection(
        "no-new-privs",
        "no_new_privs",
        "exec",
        ("SetNoNewPrivs",),
        "An ordinary user in it becomes root in it, by any set-user-id program of the image: su, or one with a fault.",
        "prctl(2), PR_SET_NO_NEW_PRIVS",
        "true in /process/noNewPrivileges",
        "That root has no more capabilities than the bounding set.",
        "find / -perm -4000; su",
    ),
    Protection(
        "seccomp",
        "the system call filter",
        "filters",
        ("LoadFilter",),
        "It may make every system call of the kernel. A fault in any of them is a way out; many were found behind "
        "calls that few programs need, such as unshare and keyctl.",
        "seccomp(2), CVE-2022-0185",
        "/linux/seccomp",
        attack="unshare --user true",
    ),
    Protection(
        "label",
        "the AppArmor or SELinux label",
        "identity",
        ("SetExecLabel",),
        "Only owners and capabilities decide what it may open, mount or trace: what goes wrong elsewhere, no second "
        "opinion stops.",
        "apparmor(7), selinux(8)",
        "/process/apparmorProfile or /process/selinuxLabel",
        attack="cat /proc/self/attr/current",
    ),
)

LIMITS = (
    limit(
        "memory",
        "the memory limit",
        ("memory.max", "memory.swap.max", "memory.high"),
        "It takes all of the host's memory, {memory}; then the kernel ends processes of the host to get some back.",
        "/linux/resources/memory/limit",
        "tail /dev/zero",
    ),
    limit(
        "pids",
        "the limit of processes",
        ("pids.max",),
        "It forks until the host has no process number left, of {pid_max}: then nobody can start anything, nor log in.",
        "/linux/resources/pids/limit",
        "bomb() { bomb | bomb & }; bomb",
    ),
    limit(
        "cpu",
        "the processor limit",
        ("cpu.max",),
        "It may use all of the time of all {processors} processors, and everybody else waits.",
        "/linux/resources/cpu/quota",
        "while :; do :; done &",
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
        "nothing: minirun does it in any case",
        "With a user namespace, the processes outside get no signal of it.",
        "kill -USR1 0",
    ),
    Protection(
        "tracers",
        "closed to tracers",
        "namespaces",
        ("CloseToTracers", "SetUser"),
        "Another process of the same user, in a container whose pid namespace this one shares, opens what the process "
        "still holds of the host in the moment before the program runs.",
        "ptrace(2), CVE-2016-9962",
        "nothing: minirun does it in any case",
        "Until it gives up its capabilities, it is one of more rights than the other.",
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
        "nothing: minirun does it in any case, but for --preserve-fds",
        attack="ls -l /proc/self/fd; ls /proc/self/fd/7/..",
    ),
    Protection(
        "seal",
        "the sealed interpreter",
        "process",
        (),
        "Until the program runs, the process is the host's python3. An image whose program is /proc/self/exe gets that "
        "file, and root in it may write to it: the next who uses python3 on the host runs what stands there then.",
        "CVE-2019-5736",
        "nothing: minirun does it in any case",
        "In a user namespace, its root may not write files of the host's root.",
        outside="where its user could write to the interpreter, minirun starts itself again before the first step, "
        "from a read-only copy (minirun/runtime/seal.py)",
    ),
    Protection(
        "null",
        "its own /dev/null",
        "process",
        ("ReopenNull",),
        "Where the caller has given it the host's /dev/null, as services do, root in it can change who may use that: "
        "then every program of the host that writes there fails.",
        "null(4)",
        "nothing: minirun does it in any case",
        "In a user namespace, its root is not the owner.",
        "chmod 600 /proc/self/fd/0",
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
