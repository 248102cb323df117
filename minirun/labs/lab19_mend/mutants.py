"""Changes of minirun's own text, each of which breaks one thing: of FAULTS `start` chooses three for the student to
find; HIDDEN are for the student's own test. None changes anything of the machine outside of the container."""

from __future__ import annotations

import os
import shutil
from glob import escape, glob

from ...errors import StateError
from ...record import Record
from ...runtime.again import HOME


class Mutant(Record):
    """`old` stands in the file once, and `new` comes in its place."""

    name: str  # of a fault: the check in suite.py that it fails
    file: str
    old: str
    new: str


FAULTS = (
    Mutant(
        "masked",
        "steps/masks.py",
        "            mounts.move_mount(tree, place)\n        finally:",
        "        finally:",
    ),
    Mutant(
        "readonly",
        "steps/masks.py",
        " mounts.mount_setattr(tree, True, attr_set=MOUNT_ATTR_RDONLY)",
        " mounts.mount_setattr(tree, True, attr_clr=MOUNT_ATTR_RDONLY)",
    ),
    Mutant("bounding", "steps/credentials.py", "for number in range(64):", "for number in range(32):"),
    Mutant(
        "new_privileges", "plan/process.py", "if process.no_new_privileges:", "if process.no_new_privileges is False:"
    ),
    Mutant(
        "hostname", "steps/namespaces.py", "processes.sethostname(self.name)", "processes.sethostname(self.name[:-1])"
    ),
    Mutant(
        "umask",
        "steps/program.py",
        "os.umask(context.umask if self.value is None else self.value)",
        "os.umask(self.value or context.umask)",
    ),
    Mutant("full", "plan/devices.py", '("/dev/full", 1, 7)', '("/dev/full", 1, 5)'),
    Mutant("status", "runtime/foreground.py", "code if code >= 0 else 128 - code", "abs(code)"),
    # never another kind: in the machine's own uts or mount namespace the container would change the machine
    Mutant("ipc", "steps/namespaces.py", '"ipc": (CLONE_NEWIPC, "--ipc")', '"ipc": (CLONE_NEWUTS, "--ipc")'),
    Mutant("nodev", "plan/mount_options.py", '"nodev": (c.MS_NODEV, True)', '"nodev": (c.MS_NOSUID, True)'),
)

HIDDEN = (
    Mutant("cwd", "steps/home.py", "files.chdir(self.path)", "files.chdir(os.path.dirname(self.path))"),
    Mutant(
        "environment",
        "steps/program.py",
        'dict(pair.split("=", 1) for pair in self.environment)',
        'dict(pair.split("=")[:2] for pair in self.environment)',
    ),
    Mutant("groups", "steps/credentials.py", "processes.setgroups(gids)", "processes.setgroups(gids[:1])"),
    Mutant(
        "rlimits",
        "steps/rlimits.py",
        "prlimit(context.pid, RLIMITS.index(self.type), self.type, self.soft, self.hard)",
        "prlimit(context.pid, RLIMITS.index(self.type), self.type, self.soft, self.soft)",
    ),
    Mutant(
        "oom",
        "steps/scheduling.py",
        'files.write_file("/proc/self/oom_score_adj", str(self.value))',
        'files.write_file("/proc/self/oom_score_adj", str(min(self.value, 100)))',
    ),
    Mutant(
        "root",
        "plan/container.py",
        "    if config.root.readonly:",
        "    if config.root.readonly and not config.mounts:",
    ),
    Mutant(
        "domainname",
        "plan/namespaces.py",
        "steps.SetDomainname(config.domainname)",
        "steps.SetDomainname(config.hostname or config.domainname)",
    ),
    Mutant("size", "plan/mounts.py", 'data = ",".join((*options.data, *', 'data = ",".join((*options.data[:1], *'),
)

# The one of the page's question.
EQUIVALENT = Mutant(
    "order",
    "plan/process.py",
    "        program.SetUmask(process.user.umask),\n        program.ResetSignals(),\n",
    "        program.ResetSignals(),\n        program.SetUmask(process.user.umask),\n",
)


def change(package: str, mutant: Mutant) -> None:
    """Put it into a copy of minirun. Raises StateError."""
    text = changed(package, mutant)
    path = f"{package}/{mutant.file}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    forget_compiled(path)


def changed(package: str, mutant: Mutant) -> str:
    """The text of its file then. Raises StateError where minirun's has moved on since this was written."""
    path = f"{package}/{mutant.file}"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(mutant.old) != 1:
        raise StateError(f"{path!r} has no place for the change {mutant.name!r}\n  cure:  another version of minirun")
    return text.replace(mutant.old, mutant.new)


def undo(package: str, mutant: Mutant) -> None:
    """Its file as minirun has it."""
    path = f"{package}/{mutant.file}"
    shutil.copy(f"{HOME}/minirun/{mutant.file}", path)
    forget_compiled(path)


def forget_compiled(path: str) -> None:
    """Python tells by size and time, in seconds, whether what it has compiled is out of date."""
    directory, name = os.path.split(path)
    for compiled in glob(f"{escape(directory)}/__pycache__/{name.removesuffix('.py')}.*.pyc"):
        os.unlink(compiled)
