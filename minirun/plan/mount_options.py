"""The options of a mount, as words, and what each means to the kernel (config.md#linux-mount-options)."""

from __future__ import annotations

from ..kernel import constants as c

# Words that clear one access time mode, and do nothing to the others: config.md#linux-mount-options.
CLEARED_ATIME_MODES = {"atime": c.MOUNT_ATTR_NOATIME, "nostrictatime": c.MOUNT_ATTR_STRICTATIME, "norelatime": 0}

# Word: (flag of mount(2), whether the word sets it or clears it).
FLAGS = {
    "ro": (c.MS_RDONLY, True),
    "rw": (c.MS_RDONLY, False),
    "nosuid": (c.MS_NOSUID, True),
    "suid": (c.MS_NOSUID, False),
    "nodev": (c.MS_NODEV, True),
    "dev": (c.MS_NODEV, False),
    "noexec": (c.MS_NOEXEC, True),
    "exec": (c.MS_NOEXEC, False),
    "sync": (c.MS_SYNCHRONOUS, True),
    "async": (c.MS_SYNCHRONOUS, False),
    "dirsync": (c.MS_DIRSYNC, True),
    "remount": (c.MS_REMOUNT, True),
    "mand": (c.MS_MANDLOCK, True),
    "nomand": (c.MS_MANDLOCK, False),
    "noatime": (c.MS_NOATIME, True),
    "atime": (c.MS_NOATIME, False),
    "nodiratime": (c.MS_NODIRATIME, True),
    "diratime": (c.MS_NODIRATIME, False),
    "relatime": (c.MS_RELATIME, True),
    "norelatime": (c.MS_RELATIME, False),
    "strictatime": (c.MS_STRICTATIME, True),
    "nostrictatime": (c.MS_STRICTATIME, False),
    "nosymfollow": (c.MS_NOSYMFOLLOW, True),
    "symfollow": (c.MS_NOSYMFOLLOW, False),
    "iversion": (c.MS_I_VERSION, True),
    "noiversion": (c.MS_I_VERSION, False),
    "lazytime": (c.MS_LAZYTIME, True),
    "nolazytime": (c.MS_LAZYTIME, False),
    "silent": (c.MS_SILENT, True),
    "loud": (c.MS_SILENT, False),
    "bind": (c.MS_BIND, True),
    "rbind": (c.MS_BIND | c.MS_REC, True),
}

# Words of fstab(5) for mount(8), systemd and the like, which are left in when a line is made an entry of `mounts`. The
# kernel knows none of them. Not `user` and its like, which imply nosuid, nodev and noexec.
FOR_OTHERS = frozenset(("", "defaults", "auto", "noauto", "nofail", "_netdev"))
FOR_OTHERS_BEGIN = ("x-", "X-", "comment=")

# Words that ask for mapped owners, and whether on all mounts below, too: config.md#linux-mount-options.
ID_MAPS = {"idmap": False, "ridmap": True}

# Words of crun's, about symlinks that are the source or the destination of a bind mount.
COPY_SYMLINK, SRC_NOFOLLOW, DEST_NOFOLLOW = "copy-symlink", "src-nofollow", "dest-nofollow"
SYMLINKS = (COPY_SYMLINK, SRC_NOFOLLOW, DEST_NOFOLLOW)

# Word: (attributes of mount_setattr(2) to set, to clear). With a leading "r" the word holds for every mount below, too.
# The access time modes are one field, which has to be cleared before one of them is set: mount_setattr(2).
ATTRIBUTES = {
    "ro": (c.MOUNT_ATTR_RDONLY, 0),
    "rw": (0, c.MOUNT_ATTR_RDONLY),
    "nosuid": (c.MOUNT_ATTR_NOSUID, 0),
    "suid": (0, c.MOUNT_ATTR_NOSUID),
    "nodev": (c.MOUNT_ATTR_NODEV, 0),
    "dev": (0, c.MOUNT_ATTR_NODEV),
    "noexec": (c.MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, c.MOUNT_ATTR_NOEXEC),
    "nodiratime": (c.MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, c.MOUNT_ATTR_NODIRATIME),
    "noatime": (c.MOUNT_ATTR_NOATIME, c.MOUNT_ATTR__ATIME),
    "atime": (0, c.MOUNT_ATTR__ATIME),
    "relatime": (0, c.MOUNT_ATTR__ATIME),
    "norelatime": (0, c.MOUNT_ATTR__ATIME),
    "strictatime": (c.MOUNT_ATTR_STRICTATIME, c.MOUNT_ATTR__ATIME),
    "nostrictatime": (0, c.MOUNT_ATTR__ATIME),
    "nosymfollow": (c.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, c.MOUNT_ATTR_NOSYMFOLLOW),
}


def is_for_others(word: str) -> bool:
    return word in FOR_OTHERS or word.startswith(FOR_OTHERS_BEGIN)


def propagation(word: str) -> tuple[int, bool] | None:
    """A word such as rslave as its flag and whether it is recursive; None for any other word."""
    if word in c.PROPAGATION:
        return c.PROPAGATION[word], False
    recursive = c.PROPAGATION.get(word.removeprefix("r"))
    return None if recursive is None else (recursive, True)
