"""A restore: CRIU makes the container's processes again, in a mount namespace in which all lies ready for it."""

from __future__ import annotations

import os
from errno import ENOENT

from ..cgroups import hierarchy
from ..kernel import files, namespaces, processes, signals
from ..kernel.constants import CLONE_NEWNET
from ..kernel.libc import Flags, array, show
from ..kernel.sockets import MessageSocket
from .checkpoint import DESCRIPTORS, ROOT_NAMESPACES, OpenImages
from .criu import PLACES, Criu, Wishes, become, find_program, open_images, talk_of
from .criu_messages import NOTIFY, RESTORE
from .external import noted_mounts, place_below, read_json
from .namespaces import PROC_NAMES, TYPES
from .shell import quoted
from .step import CONTAINER, RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .criu_messages import Answer

NAMESPACES_ARE_THERE, ALL_IS_THERE = "post-setup-namespaces", "post-restore"  # moments that CRIU tells of
ORPHAN = "orphan-pts-master"


class CheckImages(Step):
    """See that there is a checkpoint, and a CRIU, before anything is made."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "criu(8)"

    wishes: Wishes

    def describe(self) -> str:
        return f"see that {self.wishes.image_path} has a checkpoint"

    def shell(self) -> str:
        return f"test -e {quoted(self.wishes.image_path)}/inventory.img"

    def calls(self) -> tuple[str, ...]:
        return (show("stat", f"{self.wishes.image_path}/inventory.img"),)

    def apply(self, context: Context) -> None:
        context.result = find_program(self.wishes.criu)
        if not os.path.exists(f"{self.wishes.image_path}/inventory.img"):
            raise Refused("there is no checkpoint", "--image-path names the directory that a checkpoint was made in")


class HoldImages(OpenImages):
    """In CRIU's own mount namespace, where it is to mount something in its work directory. So it is this process that
    makes the sockets, too."""

    runs_in = CONTAINER

    def apply(self, context: Context) -> None:
        near, context.criu = open_images(self.wishes)
        context.outgoing.append(near.detached())


class TakeSocket(Step):
    """The other end comes with the turn."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "unix(7)"
    no_shell = "criu restore takes no requests"

    wishes: Wishes

    def describe(self) -> str:
        return "take over the socket by which to talk with CRIU"

    def calls(self) -> tuple[str, ...]:
        return ("talk = " + show("recvmsg", Flags("socket")),)

    def apply(self, context: Context) -> None:
        context.criu = Criu(self.wishes, MessageSocket.of(context.incoming.pop()), PLACES)


class ExecuteCriu(Step):
    """The container's process becomes CRIU, which ends with minirun."""

    becomes_program = True
    chapter = "checkpoint"
    man = "criu(8)"
    cures = {ENOENT: "CRIU's interpreter is missing: the ELF loader (readelf -l)"}

    wishes: Wishes

    def describe(self) -> str:
        return "execute CRIU"

    def shell(self) -> str:
        return f"exec {quoted(self.wishes.criu)} restore …"

    def calls(self) -> tuple[str, ...]:
        return (
            show("prctl", Flags("PR_SET_PDEATHSIG"), Flags("SIGKILL")),
            show("execve", self.wishes.criu, array(("criu", "swrk", PLACES["socket"])), Flags("environ")),
        )

    def apply(self, context: Context) -> None:
        processes.set_death_signal(signals.SIGKILL)  # half a container is of no use to anybody
        become(self.wishes, context.criu | context.joined)


class BeginRestore(Step):
    """Have CRIU read the images and make the first process, with its namespaces. It is a child of minirun's, as any
    container's first process is."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "criu(8)"

    wishes: Wishes
    rootfs: str
    sources: tuple[tuple[str, str], ...]  # of what config.json binds: the destination, and where it is on the host
    inherited: tuple[str, ...] = ()  # namespaces that CRIU has got as descriptors
    joined: tuple[tuple[str, str], ...] = ()  # those that it joins by their paths
    empty_network: bool = False

    def describe(self) -> str:
        return f"make the container's first process and its namespaces of the images in {self.wishes.image_path}"

    def shell(self) -> str:
        words = ["criu", "restore", *self.wishes.words(), "--root", self.rootfs, "--log-file", "restore.log"]
        words += ["--restore-detached", "--empty-ns", "net"] if self.empty_network else ["--restore-detached"]
        for kind in self.inherited:
            words += ["--inherit-fd", f"fd[{PLACES[kind]}]:{ROOT_NAMESPACES[kind]}"]
        for kind, path in self.joined:
            words += ["--join-ns", f"{kind}:{path}"]
        return " ".join(map(quoted, words))

    def calls(self) -> tuple[str, ...]:
        return (show("write", Flags("socket"), Flags("{RESTORE …}")), show("read", Flags("socket")))

    def apply(self, context: Context) -> None:
        talk = talk_of(context)
        talk.ask(RESTORE, self.request(context), "restore.log")
        talk.pid, talk.process = context.pid, context.pidfd
        advance(context, NAMESPACES_ARE_THERE)
        context.pid, context.pidfd = talk.first, signals.pidfd_open(talk.first)
        context.result = f"pid {context.pid}"

    def request(self, context: Context) -> dict[str, object]:
        namespaces = [{"key": ROOT_NAMESPACES[kind], "fd": PLACES[kind]} for kind in self.inherited]
        path = context.cgroup.removeprefix(hierarchy.mount_point()) or "/"
        told: dict[str, object] = {
            "cg_root": [{"ctrl": "", "path": path}] if context.cgroup else [],
            "root": self.rootfs,
            "rst_sibling": True,
            "external": self.external(),
            "inherit_fd": [*namespaces, *self.streams()],
            "join_ns": [{"ns": kind, "ns_file": path} for kind, path in self.joined],
        }
        return told | ({"empty_ns": CLONE_NEWNET} if self.empty_network else {})

    def external(self) -> list[str]:
        """By the name that a mount has in the images, where it is now."""
        found = noted_mounts(self.wishes.image_path)
        return [f"mnt[{name}]:{self.source(name, told)}" for name, told in found.items()]

    def source(self, name: str, told: dict[str, Any]) -> str:
        if "path" in told:
            return str(told["path"])
        source = dict(self.sources).get(told["mount"])
        if source is None:
            raise Refused(f"config.json binds nothing on {name}", "the bundle must be as it was at the checkpoint")
        return place_below(source, told["below"])

    def streams(self) -> list[dict[str, object]]:
        """The caller's own, in the place of pipes that were the former caller's."""
        links = read_json(f"{self.wishes.image_path}/{DESCRIPTORS}", [], are_links)
        pipes = [(number, link) for number, link in enumerate(links) if link.startswith("pipe:")]
        first = {link: number for number, link in reversed(pipes)}
        return [{"key": link, "fd": number} for link, number in first.items()]


def are_links(links: list[Any]) -> bool:
    return all(isinstance(link, str) for link in links)


def advance(context: Context, moment: str = "") -> Answer:
    """Let CRIU go on to a moment that it tells of, or to its end. Raises Refused, Interrupted."""
    talk: Criu = talk_of(context)
    talk.let_go_on()
    while True:
        context.channel.wait(context, talk.near.fileno())
        answer = talk.hear()
        take_terminal(context, talk, answer)
        if answer.kind != NOTIFY or answer.moment == moment:
            return answer
        talk.let_go_on()


def take_terminal(context: Context, talk: Criu, answer: Answer) -> None:
    """The other side of the container's terminal, which CRIU has made anew."""
    for descriptor in talk.received:
        if answer.moment == ORPHAN and context.console < 0:
            context.console = descriptor
        else:
            os.close(descriptor)


class RestoreLoopback(Step):
    """The container's network namespace is a new one, and its loopback interface is down."""

    runs_in = RUNTIME
    chapter = "namespaces"
    man = "netdevice(7)"

    origin: str = "/linux/namespaces"

    def describe(self) -> str:
        return "bring the loopback interface up"

    def shell(self) -> str:
        return 'nsenter --target "$pid" --net ip link set lo up'

    def calls(self) -> tuple[str, ...]:
        return (
            show("setns", Flags("network"), Flags("CLONE_NEWNET")),
            show("ioctl", Flags("control"), Flags("SIOCSIFFLAGS"), Flags('{"lo", IFF_UP}')),
            show("setns", Flags("own"), Flags("CLONE_NEWNET")),
        )

    def apply(self, context: Context) -> None:
        from ..kernel.network import set_interface_up

        own = files.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        other = files.open(f"/proc/{context.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            namespaces.setns(other, CLONE_NEWNET)
            set_interface_up("lo")
        finally:
            namespaces.setns(own, CLONE_NEWNET)
            os.close(own)
            os.close(other)


class RestoreProcesses(Step):
    """Have CRIU make all that is missing: mounts, files, memory, the other processes. None of them runs yet."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "criu(8)"
    no_shell = "criu restore does all of it at once"

    def describe(self) -> str:
        return "restore the container's processes, their mounts, files and memory"

    def calls(self) -> tuple[str, ...]:
        return (show("write", Flags("socket"), Flags("{NOTIFY}")), show("read", Flags("socket")))

    def apply(self, context: Context) -> None:
        advance(context, ALL_IS_THERE)


class ResumeProcesses(Step):
    """They go on where they were. CRIU ends."""

    runs_in = RUNTIME
    chapter = "checkpoint"
    man = "criu(8)"
    no_shell = RestoreProcesses.no_shell

    no_new_privileges: bool = False  # they have had that

    def describe(self) -> str:
        return "let the container's processes go on"

    def calls(self) -> tuple[str, ...]:
        return (*RestoreProcesses.calls(RestoreProcesses()), show("wait4", Flags("criu")))

    def apply(self, context: Context) -> None:
        talk = talk_of(context)
        advance(context)
        context.program_runs = True
        if self.no_new_privileges and not has_no_new_privileges(context.pid):
            context.log.warning(
                "/process/noNewPrivileges: this CRIU has not restored it, so programs with the setuid bit work again"
            )
        talk.collect()


def has_no_new_privileges(pid: int) -> bool:
    """proc_pid_status(5)"""
    return "NoNewPrivs:\t0" not in files.read_file(f"/proc/{pid}/status").split("\n")


def shown_type(kind: str) -> str:
    """As CRIU calls it: net, ipc, uts."""
    assert kind in TYPES
    return PROC_NAMES.get(kind, kind)
