"""What flags mean that a step's sentence names: in a few words each, after the man pages that define them."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# mount(2), mount_setattr(2): the words behind MS_ and MOUNT_ATTR_.
OF_MOUNTS: Mapping[str, str] = {
    "RDONLY": "nothing can be written",
    "NOSUID": "set-user-id bits and file capabilities have no effect",
    "NODEV": "device files can't be opened",
    "NOEXEC": "no program can be executed",
    "SYNCHRONOUS": "writes are on the disk at once",
    "REMOUNT": "a mount that is there already changes",
    "MANDLOCK": "mandatory locks are allowed",
    "DIRSYNC": "changes of directories are on the disk at once",
    "NOSYMFOLLOW": "symlinks are not followed",
    "NOATIME": "access times are not kept",
    "NODIRATIME": "those of directories are not kept",
    "BIND": "what is there already is seen at one more place",
    "MOVE": "the mount goes to another place",
    "REC": "with all that is mounted below",
    "SILENT": "the kernel does not log a warning",
    "UNBINDABLE": "can't be bound, and gets nothing of others",
    "PRIVATE": "mounts neither come in nor go out",
    "SLAVE": "mounts come in and do not go out",
    "SHARED": "mounts come in and go out",
    "RELATIME": "access times are kept if they tell of a change",
    "I_VERSION": "a counter of changes is kept",
    "STRICTATIME": "access times are always kept",
    "LAZYTIME": "times are written later",
    "_ATIME": "how access times are kept, back to the usual",
    "IDMAP": "owners of files are mapped",
}
PREFIXES = ("MOUNT_ATTR_", "MS_")
RIBBON = re.compile(r"\b(?:MOUNT_ATTR_|MS_)\w+(?:\|(?:MOUNT_ATTR_|MS_)\w+)*")


def flags_in(sentence: str) -> tuple[tuple[str, str], ...]:
    """Each with its meaning; where the sentence clears it, that it is cleared."""
    found = []
    for ribbon in RIBBON.finditer(sentence):
        is_cleared = sentence[: ribbon.start()].endswith("clear ")
        for flag in ribbon[0].split("|"):
            meaning = OF_MOUNTS.get(word(flag), "")
            found.append((flag, f"cleared: {meaning}" if is_cleared else meaning))
    return tuple(found)


def word(flag: str) -> str:
    return next((flag.removeprefix(prefix) for prefix in PREFIXES if flag.startswith(prefix)), flag)


def without_flags(sentence: str) -> str:
    """The sentence for who has them in a table."""
    cut = re.sub(rf"(?:(?:set|clear) )?{RIBBON.pattern}", "", sentence)
    cut = re.sub(r"[, ]*\)", ")", re.sub(r"\([, ]*", "(", cut))
    return cut.replace(" ()", "").rstrip(" ,:")
