"""What each chapter of a plan is about, for somebody who meets it for the first time.

Every step belongs to one of these (`Step.chapter`). A text says what the kernel has this facility for, and why a
container needs it, in two or three sentences.
"""

from __future__ import annotations

from ..record import Record


class Chapter(Record):
    meaning: str  # in a few words: what the container has by it
    about: str
    manual: str  # where to read on


CHAPTERS = {
    "books": Chapter(
        "an id and a directory by which others find it",
        "minirun keeps a directory for each container, so that an id belongs to one container only, and so that other "
        "commands find it. The kernel knows nothing of it: to the kernel there are only processes.",
        "runtime.md#state",
    ),
    "limits": Chapter(
        "an account, and how much it may use",
        "A cgroup is a group of processes that the kernel keeps accounts of: how much memory, processor time and disk "
        "they use, and how much they may. It is a directory, and its limits are files in there. Whatever a process in "
        "it starts belongs to it, too.",
        "cgroups(7)",
    ),
    "process": Chapter(
        "a process of its own, without what its caller left",
        "A container is a process of the host like any other. What a process inherits from the one that started it "
        "(open files, directory, terminal) is put in order, so that of the host only the files at descriptors 0, 1 "
        "and 2 come in with it.",
        "fork(2)",
    ),
    "namespaces": Chapter(
        "its own names, network and processes",
        "The kernel has one host name, one network, one list of processes for all. A namespace is another one of "
        "these, for the processes inside. Session and keyring, which a process has from its caller, too, have no "
        "namespace: the process starts new ones.",
        "namespaces(7)",
    ),
    "mounts": Chapter(
        "its own files, and the host's out of sight",
        "In its own mount namespace the process puts a tree of file systems together, below a directory that is still "
        "the host's. Then pivot_root makes that directory its root, and the host's files are out of sight.",
        "mount_namespaces(7)",
    ),
    "devices": Chapter(
        "the few devices that programs expect",
        "Programs expect a few files in /dev, behind each of which is a driver of the kernel, not data. Only these are "
        "made; the host's disks are not among them.",
        "mknod(2)",
    ),
    "hooks": Chapter(
        "programs of others have their turn",
        "Programs that config.json wants to be run on the way: engines set up networks with them. They get the "
        "container's state on standard input, and one that fails ends the container.",
        "config.md#posix-platform-hooks",
    ),
    "filters": Chapter(
        "what the kernel refuses whoever asks",
        "Small programs that the kernel itself runs to decide: at each opening of a device (eBPF), at each system call "
        "(seccomp). What they refuse, no right of the process can bring back.",
        "seccomp(2)",
    ),
    "identity": Chapter(
        "who it is, and what it may do",
        "Who the program is: user and groups. And what it may do: root's power is divided into about forty "
        "capabilities, most of which are given up for good. Labels of AppArmor and SELinux restrict it further.",
        "capabilities(7)",
    ),
    "resctrl": Chapter(
        "its share of the processor's caches",
        "Some processors can share out their caches and the bandwidth to memory. The kernel has a file system for "
        "that, in which a directory is a class of service.",
        "config-linux.md#intelrdt",
    ),
    "exec": Chapter(
        "it becomes the program",
        "Until here the process ran minirun's code. Now it becomes the program of the container, which inherits all "
        "that was prepared: namespaces, root, cgroup, capabilities.",
        "execve(2)",
    ),
    "checkpoint": Chapter(
        "its processes as files, and made of these again",
        "What the kernel knows of processes can be written to files, and processes be made of these again, with their "
        "memory, open files and mounts. CRIU does that, a program of its own. What belongs to the host, such as mounts "
        "of its files and pipes whose other ends somebody else holds, minirun has to name to it.",
        "criu(8)",
    ),
}
