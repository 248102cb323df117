"""Which devices the container may open or make: a small program that the kernel asks (cgroups/devices.py)."""

from __future__ import annotations

import os
from errno import EINVAL, ENOSYS, EPERM

from ..cgroups.devices import Instruction
from ..kernel import bpf, files
from .step import RUNTIME, Context, Step

NEEDS_BPF = "the kernel must have CONFIG_CGROUP_BPF"


class AttachDeviceFilter(Step):
    """Attach the program to the cgroup. It goes with the cgroup, so there is nothing to undo.

    It comes after the mounts, since a mount may be of a device that the program must not open by itself."""

    runs_in = RUNTIME
    chapter = "limits"
    man = "bpf(2)"
    spec = "config-linux.md#allowed-device-list"
    no_shell = "no command of a plain system makes such a program; bpftool-prog(8) attaches one that is made"
    cures = {
        EPERM: "loading it takes CAP_BPF or CAP_SYS_ADMIN in the host's user namespace",
        EINVAL: NEEDS_BPF,
        ENOSYS: NEEDS_BPF,
    }

    rules: int
    instructions: tuple[Instruction, ...]
    origin: str = "/linux/resources/devices"

    def describe(self) -> str:
        return f"attach the device filter ({self.rules} rules, {len(self.instructions)} instructions)"

    def listing(self) -> str:
        """The program in assembler, one instruction a line, with what each means."""
        return "\n".join(instruction.text() for instruction in self.instructions)

    def apply(self, context: Context) -> None:
        cgroup = files.open(context.cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            program = bpf.prog_load(b"".join(instruction.pack() for instruction in self.instructions))
            bpf.prog_attach(program, cgroup)
            os.close(program)
        finally:
            os.close(cgroup)
