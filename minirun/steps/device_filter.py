"""Which devices the container may open or make: a small program that the kernel asks (cgroups/devices.py)."""

from __future__ import annotations

import os
from errno import EINVAL, ENOSYS, EPERM

from ..kernel import bpf, files
from ..kernel.libc import Flags, show
from .step import RUNTIME, Context, Refused, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..cgroups.devices import Instruction, Rules
    from .world import World

NEEDS_BPF = "the kernel must have CONFIG_CGROUP_BPF"


class AttachDeviceFilter(Step):
    """Attach the program to the cgroup. It goes with the cgroup, so there is nothing to undo.

    It comes after the mounts, since a mount may be of a device that the program must not open by itself."""

    runs_in = RUNTIME
    chapter = "filters"
    man = "bpf(2)"
    spec = "config-linux.md#allowed-device-list"
    no_shell = "no command of a plain system makes such a program; bpftool-prog(8) attaches one that is made"
    cures = {
        EPERM: "loading it takes CAP_BPF or CAP_SYS_ADMIN in the host's user namespace",
        EINVAL: NEEDS_BPF,
        ENOSYS: NEEDS_BPF,
    }

    rules: Rules
    instructions: tuple[Instruction, ...]
    origin: str = "/linux/resources/devices"

    def describe(self) -> str:
        return f"attach the device filter ({len(self.rules)} rules, {len(self.instructions)} instructions)"

    def listing(self) -> str:
        """The program in assembler, one instruction a line, with what each means."""
        from ..cgroups.disassembly import disassembly  # for who wants to read it

        return disassembly(self.rules)

    def calls(self) -> tuple[str, ...]:
        loaded = f"{{prog_type BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt {len(self.instructions)}}}"
        attached = (
            "{target_fd cgroup, attach_bpf_fd program, attach_type BPF_CGROUP_DEVICE, attach_flags BPF_F_ALLOW_MULTI}"
        )
        return (
            "cgroup = " + show("open", "$cgroup", files.open_flags(DIRECTORY)),
            "program = " + show("bpf", Flags("BPF_PROG_LOAD"), Flags(loaded)),
            show("bpf", Flags("BPF_PROG_ATTACH"), Flags(attached)),
        )

    def effect(self, world: World) -> World:
        return world.replace(has_device_filter=True)

    def apply(self, context: Context) -> None:
        cgroup = files.open(context.cgroup, DIRECTORY)
        try:
            program = self.load()
            bpf.prog_attach(program, cgroup)
            os.close(program)
        finally:
            os.close(cgroup)

    def load(self) -> int:
        return bpf.prog_load(b"".join(instruction.pack() for instruction in self.instructions))


class LeaveOutDeviceRules(Step):
    """Without root: the kernel takes programs for a cgroup from CAP_BPF of the host only."""

    runs_in = RUNTIME
    chapter = "filters"
    man = "bpf(2)"
    spec = "config-linux.md#allowed-device-list"
    no_shell = no_calls = "there is nothing to do"

    rules: int
    origin: str = "/linux/resources/devices"

    def describe(self) -> str:
        return f"leave the {self.rules} device rules out, which only root could make hold"

    def apply(self, context: Context) -> None:
        context.log.warning("without root the device rules of config.json do not hold")


class ReplaceDeviceFilter(AttachDeviceFilter):
    """Put a new program in the place of the present one, at once: there is no moment without a filter, nor one in
    which both have to agree. Programs of others on the same cgroup stay."""

    def describe(self) -> str:
        return f"replace the device filter ({len(self.rules)} rules, {len(self.instructions)} instructions)"

    def apply(self, context: Context) -> None:
        cgroup = files.open(context.cgroup, DIRECTORY)
        try:
            old = find_filter(cgroup)
            new = self.load()
            context.filters_before[self] = (new, old)
            bpf.prog_attach(new, cgroup, replaced=old)
        finally:
            os.close(cgroup)

    def undo(self, context: Context) -> None:
        new, old = context.filters_before[self]
        cgroup = files.open(context.cgroup, DIRECTORY)
        try:
            bpf.prog_attach(old, cgroup, replaced=new)
        finally:
            os.close(cgroup)


DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def find_filter(cgroup: int) -> int:
    """A descriptor of the program on the cgroup that has minirun's name."""
    from ..kernel import attached_bpf  # for an update, not for a run

    for number in attached_bpf.prog_query(cgroup):
        program = attached_bpf.prog_get_fd_by_id(number)
        if attached_bpf.prog_name(program) == bpf.PROGRAM_NAME:
            return program
        os.close(program)
    raise Refused("the cgroup has no device filter of minirun's any more", "make the container anew")
