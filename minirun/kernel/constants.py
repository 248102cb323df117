"""The kernel's numbers, each group with the header that it stands in. The names are the header's.

Flag names are found by their prefix when a value has to be shown: `names(6, "MS_")` is "MS_NOSUID|MS_NODEV". So a
prefix stands for one group, and this file holds numbers and nothing else.
"""

from __future__ import annotations

import os

# System calls that the C library of Debian 12 has no function for: asm/unistd_64.h (x86-64), asm-generic/unistd.h.
SYSCALLS = {
    "x86_64": {
        "getcwd": 79,
        "pivot_root": 155,
        "set_mempolicy": 238,
        "add_key": 248,
        "keyctl": 250,
        "ioprio_set": 251,
        "ioprio_get": 252,
        "sched_setattr": 314,
        "seccomp": 317,
        "bpf": 321,
        "open_tree": 428,
        "move_mount": 429,
        "fsopen": 430,
        "fsconfig": 431,
        "fsmount": 432,
        "clone3": 435,
        "openat2": 437,
        "mount_setattr": 442,
    },
    "aarch64": {
        "getcwd": 17,
        "pivot_root": 41,
        "ioprio_set": 30,
        "ioprio_get": 31,
        "add_key": 217,
        "keyctl": 219,
        "set_mempolicy": 237,
        "sched_setattr": 274,
        "seccomp": 277,
        "bpf": 280,
        "open_tree": 428,
        "move_mount": 429,
        "fsopen": 430,
        "fsconfig": 431,
        "fsmount": 432,
        "clone3": 435,
        "openat2": 437,
        "mount_setattr": 442,
    },
}

# linux/sched.h
CLONE_NEWTIME = 0x00000080
CLONE_PIDFD = 0x00001000
CLONE_PARENT = 0x00008000
CLONE_NEWNS = 0x00020000
CLONE_CHILD_CLEARTID = 0x00200000
CLONE_CHILD_SETTID = 0x01000000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_INTO_CGROUP = 0x200000000

# linux/sched.h, of the kernel itself, for proc_pid_stat(5)
PF_FORKNOEXEC = 0x00000040

# linux/mount.h, for mount(2)
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_SYNCHRONOUS = 16
MS_REMOUNT = 32
MS_MANDLOCK = 64
MS_DIRSYNC = 128
MS_NOSYMFOLLOW = 256
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SILENT = 32768
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_I_VERSION = 1 << 23
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25

# sys/mount.h, for umount2(2)
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

# linux/mount.h, for fsopen, fsconfig, fsmount, open_tree, move_mount and mount_setattr(2)
FSOPEN_CLOEXEC = 1
FSCONFIG_CMD_CREATE = 6
FSMOUNT_CLOEXEC = 1
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
MOUNT_ATTR_RDONLY = 0x01
MOUNT_ATTR_NOSUID = 0x02
MOUNT_ATTR_NODEV = 0x04
MOUNT_ATTR_NOEXEC = 0x08
MOUNT_ATTR__ATIME = 0x70  # the access time modes are one field of three bits, RELATIME is its zero
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000

# linux/fcntl.h
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

# asm-generic/fcntl.h, by way of Python's os module, which has them all
OPEN_FLAGS = (
    "O_WRONLY",
    "O_RDWR",
    "O_CREAT",
    "O_EXCL",
    "O_NOCTTY",
    "O_APPEND",
    "O_NONBLOCK",
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_CLOEXEC",
    "O_PATH",
)

# linux/openat2.h
RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

# linux/magic.h
PROC_SUPER_MAGIC = 0x9FA0
CGROUP2_SUPER_MAGIC = 0x63677270
SELINUX_MAGIC = 0xF97CFF8C
DEVPTS_SUPER_MAGIC = 0x1CD1

# linux/major.h, Documentation/admin-guide/devices.txt: /dev/null and its like, /dev/ptmx
MEM_MAJOR = 1
NULL_DEVICE = os.makedev(1, 3)
PTMX_DEVICE = os.makedev(5, 2)

# asm-generic/mman-common.h, linux/mman.h
PROT_NONE = 0
PROT_READ = 1
PROT_WRITE = 2
PROT_EXEC = 4
MAP_PRIVATE = 0x02
MAP_FIXED = 0x10
MAP_ANONYMOUS = 0x20
MAP_POPULATE = 0x8000
MREMAP_MAYMOVE = 1
MREMAP_FIXED = 2

# linux/memfd.h
MFD_EXEC = 0x10

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_KEEPCAPS = 8
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_GET_TIMERSLACK = 30
PR_SET_MM = 35
PR_SET_MM_MAP = 14
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37
PR_SET_NO_NEW_PRIVS = 38
PR_GET_TID_ADDRESS = 40
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4

# linux/capability.h
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
LINUX_CAPABILITY_VERSION_3 = 0x20080522

# asm-generic/resource.h, in the order of their numbers
RLIMITS = (
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
)

# linux/sched.h and linux/sched/types.h
SCHED_POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHED_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01,
    "SCHED_FLAG_RECLAIM": 0x02,
    "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}

# linux/ioprio.h
IOPRIO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
IOPRIO_CLASS_SHIFT = 13
IOPRIO_WHO_PROCESS = 1
IOPRIO_WHO_PGRP = 2

# linux/mempolicy.h
MEMORY_MODES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MEMORY_FLAGS = {"MPOL_F_NUMA_BALANCING": 1 << 13, "MPOL_F_RELATIVE_NODES": 1 << 14, "MPOL_F_STATIC_NODES": 1 << 15}

# linux/personality.h
PERSONALITIES = {"LINUX": 0x0000, "LINUX32": 0x0008}

# linux/seccomp.h, by the names of libseccomp's seccomp.h. An errno goes into the low 16 bits of ERRNO and TRACE.
SECCOMP_ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
}
SECCOMP_RET_DATA = 0x0000FFFF
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_TSYNC = 1
SECCOMP_FILTER_FLAG_LOG = 2
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 16
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 32

# seccomp.h, of libseccomp
SECCOMP_OPERATORS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
SCMP_FLTATR_CTL_OPTIMIZE = 8
SCMP_ARCH_X86_64 = 0xC000003E  # also AUDIT_ARCH_X86_64 of linux/audit.h
SCMP_ARCH_X32 = 0x4000003E  # libseccomp's own: to the kernel these are calls of x86-64 with one bit more
X32_SYSCALL_BIT = 0x40000000  # asm/unistd.h

# linux/bpf_common.h
BPF_MAXINSNS = 4096

# asm-generic/ioctls.h
TIOCGPTPEER = 0x5441
TIOCSPTLCK = 0x40045431

# linux/keyctl.h; the kernel's own linux/key.h, with the numbers in keyctl_setperm(3)
KEYCTL_GET_KEYRING_ID = 0
KEYCTL_JOIN_SESSION_KEYRING = 1
KEYCTL_SETPERM = 5
KEYCTL_DESCRIBE = 6
KEYCTL_UNLINK = 9
KEY_SPEC_SESSION_KEYRING = -3
KEY_SPEC_USER_KEYRING = -4
KEY_USR_SEARCH = 0x00080000

# linux/sockios.h, net/if.h
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

# linux/signalfd.h, asm-generic/fcntl.h
SFD_CLOEXEC = os.O_CLOEXEC

# linux/close_range.h
CLOSE_RANGE_CLOEXEC = 4


# Propagation types of mount_namespaces(7), as mount(8) names them.
PROPAGATION = {"shared": MS_SHARED, "slave": MS_SLAVE, "private": MS_PRIVATE, "unbindable": MS_UNBINDABLE}


def open_flag_names(value: int) -> str:
    """The flags of open(2) by name: "O_RDWR|O_CLOEXEC"."""
    named = [name for name in OPEN_FLAGS if value & getattr(os, name) == getattr(os, name)]
    return "|".join(named) or "O_RDONLY"


def propagation_word(flags: int) -> str:
    """What mount(8) calls the propagation type in `flags`: "rslave" for MS_SLAVE|MS_REC."""
    word = next(word for word, flag in PROPAGATION.items() if flags & flag)
    return ("r" if flags & MS_REC else "") + word


def names(value: int, prefix: str) -> str:
    """The flags in `value` by name, for people: "MS_NOSUID|MS_NODEV"; "0" for none."""
    known = ((name, bit) for name, bit in globals().items() if name.startswith(prefix) and isinstance(bit, int))
    parts = []
    for name, bit in known:
        if bit and value & bit == bit:
            parts.append(name)
            value &= ~bit
    if value or not parts:
        parts.append(hex(value) if value else "0")
    return "|".join(parts)
