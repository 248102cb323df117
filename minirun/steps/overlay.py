"""Layers as one directory (overlayfs.rst of the kernel's documentation): a container's root that many can stand on."""

from __future__ import annotations

from errno import EINVAL, ENODEV, ENOENT, EPERM, ESTALE

from ..kernel import files, overlay
from .mounts import MountFilesystem
from .paths import PLACE, show_find
from .shell import quoted
from .step import Refused

WITH_OWN_ROOT = "a bundle with a root directory of its own: minirun bundle without --overlay"


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

    def describe(self) -> str:
        count = told(self.data, "lowerdir").replace("\\:", "").count(":") + 1
        layers = f"{count} layers" if count > 1 else "a layer"
        upper = told(self.data, "upperdir")
        changes = f"what is changed goes to {upper}" if upper else "nothing of it can be changed"
        return f"mount {layers} as one directory on {self.destination}; {changes}"

    def commands(self) -> list[str]:
        directory, data = overlay.shortened(self.data)
        *before, mounted = MountFilesystem.commands(self.replace(data=data))
        return [*before, f"( cd {quoted(directory)} && {mounted} )" if directory else mounted]

    def calls(self) -> tuple[str, ...]:
        return (show_find(self.destination), *overlay.show_mount(self.source, PLACE, self.flags, self.data))

    def mount_at(self, place: int, data: str) -> None:
        if not overlay.is_short(overlay.shortened(data)[1]):
            raise Refused("the layers' paths are longer than the page that mount(2) takes of them", WITH_OWN_ROOT)
        overlay.mount(files.by_descriptor(place), self.flags, data, self.source)


def told(data: str, name: str) -> str:
    """The value of an option."""
    words = dict(word.partition("=")[::2] for word in data.split(","))
    return words.get(name, "")
