"""The flags of mounts: changed by mount_setattr(2), and in the words of mount(8)."""

from __future__ import annotations

from ..kernel import mounts
from ..kernel.constants import (
    MOUNT_ATTR__ATIME,
    MS_REC,
    names,
    propagation_word,
)
from ..record import Record
from .shell import in_root, quoted


class Change(Record):
    """What mount_setattr(2) changes: attributes to set and to clear, on one mount or on all below it."""

    attr_set: int = 0
    attr_clr: int = 0
    propagation: int = 0
    recursive: bool = False

    def describe(self) -> str:
        """The change in words of the header: "set MOUNT_ATTR_RDONLY"."""
        parts = [
            f"{verb} {names(value, prefix)}"
            for verb, value, prefix in (
                ("set", self.attr_set, "MOUNT_ATTR_"),
                ("clear", self.attr_clr & ~self.attr_set, "MOUNT_ATTR_"),
                ("propagation", self.propagation, "MS_"),
            )
            if value
        ]
        return " ".join(parts) + (" recursively" if self.recursive else "")

    def cleared(self) -> int:
        """What is cleared and stays so. The access time modes are one field, which is cleared whenever one is set."""
        mode = MOUNT_ATTR__ATIME if self.attr_set & MOUNT_ATTR__ATIME else 0
        return self.attr_clr & ~self.attr_set & ~mode

    def call(self, mount: object) -> str:
        return mounts.show_mount_setattr(mount, self.recursive, self.attr_set, self.attr_clr, self.propagation)

    def apply(self, mount: int) -> None:
        mounts.mount_setattr(mount, self.recursive, self.attr_set, self.attr_clr, self.propagation)


def shell_options(flags: int, data: str) -> str:
    """Flags and data as mount(8) takes them after -o, whose words are the flags' names."""
    words = [name.removeprefix("MS_").lower() for name in names(flags, "MS_").split("|") if flags]
    return quoted(",".join([SHELL_WORDS.get(word, word) for word in words] + ([data] if data else [])))


SHELL_WORDS = {"rdonly": "ro", "synchronous": "sync", "mandlock": "mand", "i_version": "iversion"}


CLEARING_WORDS = {
    "rdonly": "rw",
    "nosuid": "suid",
    "nodev": "dev",
    "noexec": "exec",
    "_atime": "relatime",  # the mode that is zero
    "nodiratime": "diratime",
    "nosymfollow": "symfollow",
}


def change_commands(changes: tuple[Change, ...], destination: str) -> str:
    """The changes in mount(8)'s words."""
    commands = (change_command(change, in_root(destination)) for change in changes)
    return " && ".join(filter(None, commands))


def change_command(change: Change, place: str) -> str:
    if change.propagation:
        word = propagation_word(change.propagation | (MS_REC if change.recursive else 0))
        return f"mount --make-{word} {place}"
    words = [SHELL_WORDS.get(word, word) for word in attribute_words(change.attr_set)]
    words += [CLEARING_WORDS[word] for word in attribute_words(change.cleared())]
    remount = f"mount -o remount,bind,{','.join(words)}"
    if not change.recursive:
        return f"{remount} {place}" if words else ""
    below = f"findmnt --noheadings --list --submounts --output TARGET {place}"
    return f'{below} | while IFS= read -r below; do {remount} "$below"; done'


def attribute_words(attributes: int) -> list[str]:
    if not attributes:
        return []
    return [name.removeprefix("MOUNT_ATTR_").lower() for name in names(attributes, "MOUNT_ATTR_").split("|")]
