"""`apparmorProfile`, `selinuxLabel` and `mountLabel` -> steps, which are imported where config.json has one of them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config import Linux, Process
    from ..steps.step import Step

# The kernel's own file systems, whose files have labels by the policy.
LABELLED_BY_POLICY = ("proc", "sysfs", "cgroup", "cgroup2")
CONTEXTS = ("context", "fscontext", "defcontext", "rootcontext")  # mount(8)
# A message queue's file system is there before it is mounted, with its namespace.
LABELLED_AFTERWARDS = ("mqueue",)


def program_labels(process: Process) -> list[tuple[str, str, str]]:
    """Module, label, and place in config.json."""
    if not (process.apparmor_profile or process.selinux_label):
        return []
    from ..steps.labels import APPARMOR, SELINUX

    told = (
        (APPARMOR, process.apparmor_profile, "/process/apparmorProfile"),
        (SELINUX, process.selinux_label, "/process/selinuxLabel"),
    )
    return [(module, label, origin) for module, label, origin in told if label]


def module_steps(linux: Linux, process: Process) -> list[Step]:
    """Before anything is made."""
    if not (program_labels(process) or linux.mount_label):
        return []
    from ..steps.labels import SELINUX, RequireSecurityModule

    needed = {origin: module for module, _label, origin in program_labels(process)}
    if linux.mount_label:
        needed["/linux/mountLabel"] = SELINUX
    return [RequireSecurityModule(module, origin) for origin, module in needed.items()]


def hold_proc_steps(process: Process) -> list[Step]:
    """For `exec`, before the container's mount namespace is joined: its /proc is not to be trusted with a label."""
    if not program_labels(process):
        return []
    from ..steps.labels import HoldProc

    return [HoldProc(origin) for _module, _label, origin in program_labels(process)[:1]]


def open_label_steps(process: Process) -> list[Step]:
    """While /proc is still the host's, and after the last fork: the file belongs to one process."""
    if not program_labels(process):
        return []
    from ..steps.labels import OpenExecAttribute

    return [OpenExecAttribute(module, origin) for module, _label, origin in program_labels(process)]


def set_label_steps(process: Process) -> list[Step]:
    """Before no_new_privs, which forbids most changes of a label."""
    if not program_labels(process):
        return []
    from ..steps.labels import SetExecLabel

    return [SetExecLabel(*told) for told in program_labels(process)]


def context_option(linux: Linux, filesystem: str, data: tuple[str, ...]) -> tuple[str, ...]:
    """The option context= of mount(8), or the one in its place, for a file system that takes it and has none yet."""
    by_policy = filesystem in (*LABELLED_BY_POLICY, *LABELLED_AFTERWARDS)
    if not linux.mount_label or by_policy or any(word.split("=")[0] in CONTEXTS for word in data):
        return ()
    # quoted: the kernel, too, takes commas for the end of an option
    return (f'{linux.mount_context}="{linux.mount_label}"',)


def label_mount_steps(linux: Linux, filesystem: str, destination: str) -> list[Step]:
    if not linux.mount_label or filesystem not in LABELLED_AFTERWARDS:
        return []
    from ..steps.labels import LabelMount

    return [LabelMount(destination, linux.mount_label)]
