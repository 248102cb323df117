"""Layers as one directory (overlayfs.rst of the kernel's documentation): a container's root that many can stand on."""

from __future__ import annotations

from errno import EINVAL, ENODEV, ENOENT, EPERM, ESTALE

from .mounts import MountFilesystem


class MountOverlay(MountFilesystem):
    """Show several directories as one. What is written goes into one of them, the others stay as they are."""

    cures = {
        **MountFilesystem.cures,
        ENOENT: "a layer is gone, or the directory for changes: have minirun bundle --overlay make a new bundle",
        ENODEV: "this kernel has no overlayfs: modprobe overlay, or a bundle with a root directory of its own",
        EINVAL: "the kernel's log (dmesg) says what overlayfs has against it. For a user, the options need userxattr; "
        "upperdir and workdir lie on one file system, which is no overlay itself",
        EPERM: "a user may mount an overlay since Linux 5.11",
        ESTALE: "the directory for changes has been used over other layers: have minirun bundle make a new bundle",
    }

    def told(self, name: str) -> str:
        """The value of an option."""
        words = dict(word.partition("=")[::2] for word in self.data.split(","))
        return words.get(name, "")

    def describe(self) -> str:
        count = self.told("lowerdir").replace("\\:", "").count(":") + 1
        layers = f"{count} layers" if count > 1 else "a layer"
        upper = self.told("upperdir")
        changes = f"what is changed goes to {upper}" if upper else "nothing of it can be changed"
        return f"mount {layers} as one directory on {self.destination}; {changes}"
