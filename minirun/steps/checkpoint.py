"""A checkpoint: what the container's processes are, in files of CRIU's, and what CRIU can't know of them beside."""

from __future__ import annotations

import os
from errno import EACCES, EROFS

from .. import quick_json
from ..kernel import files
from ..kernel.constants import CLONE_NEWNET
from ..kernel.libc import Flags, SystemCallError, array, show
from . import criu
from .criu import Criu, Wishes, find_program, open_images, talk_of
from .criu_messages import DUMP, NOTIFY, PRE_DUMP
from .external import EXTERNAL, external_mounts, mounted
from .namespaces import PROC_NAMES
from .paths import find
from .shell import quoted
from .step import RUNTIME, Context, Step

DESCRIPTORS = "descriptors.json"  # as runc has it: what the standard streams were
ROOT_NAMESPACES = {"network": "extRootNetNS", "pid": "extRootPidNS"}  # how images call those that were joined


class MakeImages(Step):
    """A directory for the images, and one for CRIU's log. What a failure leaves of the former is removed, but not the
    log, nor what was there before: images of an earlier checkpoint, such as those that this one's name as parents."""

    runs_in = RUNTIME
    chapter = "books"
    man = "mkdir(2)"
    cures = {
        EACCES: "the caller of minirun must be able to write there: name another place with --image-path",
        EROFS: "name a place where something can be written with --image-path and --work-path",
    }

    images: str
    work: str

    def describe(self) -> str:
        return f"make the directory {self.images} for the images" + self.beside()

    def beside(self) -> str:
        return f", and {self.work} for the log" if self.work != self.images else ""

    def shell(self) -> str:
        return "mkdir -p -m 700 " + " ".join(map(quoted, dict.fromkeys((self.images, self.work))))

    def calls(self) -> tuple[str, ...]:
        return tuple(show("mkdir", path, files.octal(0o700)) for path in dict.fromkeys((self.images, self.work)))

    def apply(self, context: Context) -> None:
        if os.path.isdir(self.images):
            context.images_before = frozenset(os.listdir(self.images))
        for path in (self.images, self.work):
            try:
                os.makedirs(path, 0o700, exist_ok=True)
            except OSError as error:
                self.remove_empty()
                raise SystemCallError(error.errno or 0, "mkdir", show("mkdir", path, files.octal(0o700))) from None

    def undo(self, context: Context) -> None:
        for name in set(os.listdir(self.images)) - context.images_before:
            if name.endswith(".img") or name in (DESCRIPTORS, EXTERNAL):
                os.unlink(f"{self.images}/{name}")
        self.remove_empty()

    def remove_empty(self) -> None:
        for path in (self.images, self.work):
            try:
                os.rmdir(path)
            except OSError:
                pass  # the log is in there, or what somebody else has


class OpenImages(Step):
    """Hold the directories that CRIU is to find in minirun's own /proc, and make the sockets for the talk with it."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "criu(8)"

    wishes: Wishes

    def describe(self) -> str:
        return f"open {self.wishes.image_path} for CRIU"

    def shell(self) -> str:
        return "criu check"

    def calls(self) -> tuple[str, ...]:
        flags = files.open_flags(os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return (
            "images = " + show("open", self.wishes.image_path, flags),
            "work = " + show("open", self.wishes.work_path, flags),
            show("socketpair", Flags("AF_UNIX"), Flags("SOCK_SEQPACKET|SOCK_CLOEXEC")),
        )

    def apply(self, context: Context) -> None:
        context.result = find_program(self.wishes.criu)
        context.criu = Criu(self.wishes, *open_images(self.wishes))


class SaveDescriptors(Step):
    """Note what the standard streams are: a pipe has another end, which is nobody's in the container."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "proc(5)"

    images: str

    def describe(self) -> str:
        return f"note in {self.images}/{DESCRIPTORS} what the standard streams are"

    def shell(self) -> str:
        return f'readlink /proc/"$pid"/fd/{{0,1,2}} | jq -Rn "[inputs]" > {quoted(self.images)}/{DESCRIPTORS}'

    def calls(self) -> tuple[str, ...]:
        return tuple(show("readlink", f"/proc/$pid/fd/{number}") for number in (0, 1, 2))

    def apply(self, context: Context) -> None:
        links = [link_of(context.pid, number) for number in (0, 1, 2)]
        content = quick_json.dumps(links).encode()
        files.replace_file(f"{self.images}/{DESCRIPTORS}", content, 0o600)


def link_of(pid: int, number: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/fd/{number}")
    except OSError:
        return "/dev/null"  # it has closed this one


class FindExternalMounts(Step):
    """Note which mounts are of files of the host: those are not in the images, and a restore brings them along again.
    Where they are is asked of the kernel, since symlinks of the image may have led there. And the options of all mounts
    are noted, since CRIU loses some."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "proc(5)"

    images: str
    binds: tuple[str, ...]  # their destinations in config.json

    def describe(self) -> str:
        return f"note in {self.images}/{EXTERNAL} which mounts are of the host's files"

    def shell(self) -> str:
        return 'cat /proc/"$pid"/mountinfo'

    def calls(self) -> tuple[str, ...]:
        return (show("read", "/proc/$pid/mountinfo"), show("read", "/proc/self/mountinfo"))

    def apply(self, context: Context) -> None:
        found = external_mounts(context.pid, self.mount_numbers(context.pid))
        talk_of(context).external = found
        options = {mount.point: mount.options for mount in mounted(context.pid)}
        content = quick_json.dumps({"external": found, "options": options}, indent=2).encode() + b"\n"
        files.replace_file(f"{self.images}/{EXTERNAL}", content, 0o600)
        context.result = ", ".join(found) or "none"

    def mount_numbers(self, pid: int) -> dict[int, str]:
        """The kernel's number of each mount that config.json binds -> its destination there."""
        root = files.open(f"/proc/{pid}/root", os.O_PATH | os.O_CLOEXEC)
        try:
            return {number: path for path in self.binds if (number := number_of(root, path))}
        finally:
            os.close(root)


def number_of(root: int, path: str) -> int:
    place = find(root, path)
    if place is None:
        return 0  # unmounted since, or covered
    try:
        return files.mount_id(place)
    finally:
        os.close(place)


class DumpProcesses(Step):
    """Have CRIU freeze the container's processes, write what the kernel knows of them to files, and end them or not.
    Nothing interrupts that: parts of CRIU's are in these processes meanwhile."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "criu(8)"

    wishes: Wishes
    rootfs: str
    joined: tuple[str, ...] = ()  # namespaces that stay when the container is gone
    empty_network: bool = False  # a new one is the container's, and is made anew

    def describe(self) -> str:
        if self.wishes.pre_dump:
            return f"write the memory of the container's processes to {self.wishes.image_path}, and let them go on"
        after = "let them go on" if self.wishes.leave_running else "end them"
        return f"write the container's processes to {self.wishes.image_path}, and {after}"

    def shell(self) -> str:
        verb = "pre-dump" if self.wishes.pre_dump else "dump"
        words = ["criu", verb, *self.wishes.words(), "--root", self.rootfs, "--log-file", "dump.log"]
        words += ["--empty-ns", "net"] if self.empty_network else []
        external = "".join(f' --external "{shown_inode(kind)}"' for kind in self.joined)
        keys = f"jq -r '.external | keys[]' {quoted(self.wishes.image_path)}/{EXTERNAL}"
        mounts = f" $({keys} | sed 's/.*/--external mnt[&]:&/')"
        return f'{" ".join(map(quoted, words))} --tree "$pid" --freeze-cgroup "$cgroup"{external}{mounts}'

    def calls(self) -> tuple[str, ...]:
        return (
            show("fork"),
            show("execve", "criu", array(("criu", "swrk", criu.PLACES["socket"])), Flags("environ"))
            + "  // in the child",
            show("write", Flags("socket"), Flags("{DUMP …}")),
            show("read", Flags("socket")) + "  // again and again",
            show("wait4", Flags("child")),
        )

    def apply(self, context: Context) -> None:
        talk = talk_of(context)
        try:
            criu.start(talk)
            talk.ask(PRE_DUMP if self.wishes.pre_dump else DUMP, self.request(context, talk), "dump.log")
            while talk.hear().kind == NOTIFY:
                talk.let_go_on()
        finally:
            talk.collect()

    def request(self, context: Context, talk: Criu) -> dict[str, object]:
        told: dict[str, object] = {"pid": context.pid, "root": self.rootfs}
        if context.cgroup:
            told["freeze_cgroup"] = context.cgroup
        if self.empty_network:
            told["empty_ns"] = CLONE_NEWNET
        mounts = [f"mnt[{point}]:{point}" for point in talk.external]
        return told | {"external": [*(external_namespace(context.pid, kind) for kind in self.joined), *mounts]}


def shown_inode(kind: str) -> str:
    name = PROC_NAMES.get(kind, kind)
    return f"{name}[$(stat -L -c %i /proc/$pid/ns/{name})]:{ROOT_NAMESPACES[kind]}"


def external_namespace(pid: int, kind: str) -> str:
    name = PROC_NAMES.get(kind, kind)
    return f"{name}[{os.stat(f'/proc/{pid}/ns/{name}').st_ino}]:{ROOT_NAMESPACES[kind]}"
