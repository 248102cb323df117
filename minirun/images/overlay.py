"""Layers as overlayfs wants them: one directory for each, which many containers stand on.

A layer is unpacked through an overlay mount of those below it, by the same code as any root directory. So it is the
kernel that writes down in the layer's directory what the layer takes away (a 0:0 device for a file, an opaque mark for
a directory), and a path through a symlink of a lower layer leads where it leads in the container. A directory is called
by the chain of layers up to it (image-spec, "Layer ChainID"): on other layers, the same layer may be another.
"""

from __future__ import annotations

import base64
import hashlib
import os

from ..kernel import files, libc, mounts, overlay
from ..kernel.constants import MNT_DETACH, MS_NODEV, MS_NOSUID
from .attributes import Notes
from .removal import remove_path
from .tree import Tree
from .unpack import unpack_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .fetch import Image
    from .store import Store

# Letters of base64 (RFC 4648, section 5), 162 bits: too many for two chains that somebody makes to have the same, and
# few enough for the 127 layers that Docker's images have at most, as mount(2) takes 4095 bytes for all that it is told.
ID_LENGTH = 27


def chain_ids(diff_ids: tuple[str, ...]) -> list[str]:
    """Of the layers, the lowest first."""
    chains: list[str] = []
    for diff_id in diff_ids:
        below = chains[-1] if chains else ""
        chains.append(f"sha256:{hashlib.sha256(f'{below} {diff_id}'.encode()).hexdigest()}" if below else diff_id)
    return [short(chain) for chain in chains]


def short(chain: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(chain.partition(":")[2])).decode()[:ID_LENGTH]


def layer_directories(store: Store, image: Image) -> list[str]:
    """Where they are, or will be; the lowest first."""
    return [f"{store.path}/layers/{name}" for name in chain_ids(image.diff_ids)]


def unpack_layers(store: Store, image: Image, most: int, as_user: bool) -> list[str]:
    """Those that are not there yet; called in a mount namespace of its own. What could not be had, in words."""
    notes, below = Notes(), list[str]()
    for layer, diff_id, place in zip(image.manifest.layers, image.diff_ids, layer_directories(store, image)):
        if not os.path.isdir(place):
            new = f"{place}.{os.getpid()}"
            try:
                with Tree(begin_layer_directory(new, below, as_user)) as tree:
                    _, length = unpack_layer(store, layer, diff_id, tree, notes, most)
                    most -= length
                finish_layer_directory(new, place, bool(below))
            finally:
                take_down(new)
        below.append(place)
    return notes.lines()


def begin_layer_directory(new: str, below: list[str], as_user: bool) -> str:
    """An empty layer, and the path to unpack it at: itself, or a mount with those below."""
    for name in ("", "/upper", "/work", "/merged"):
        os.mkdir(new + name, 0o700)
    os.chmod(f"{new}/upper", 0o755)
    if not below:
        return f"{new}/upper"
    copy_attributes(below[-1], f"{new}/upper")
    options = overlay_options(below, f"{new}/upper", f"{new}/work", as_user)
    overlay.mount(f"{new}/merged", MS_NOSUID | MS_NODEV, ",".join(options))
    return f"{new}/merged"


def finish_layer_directory(new: str, place: str, is_mounted: bool) -> None:
    """It appears complete, or not at all."""
    if is_mounted:
        mounts.umount2(f"{new}/merged", 0)
    opened = files.open(f"{new}/upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        libc.call("syncfs", opened, shown=lambda: libc.show("syncfs", opened))
    finally:
        os.close(opened)
    try:
        os.rename(f"{new}/upper", place)
    except OSError:
        if not os.path.isdir(place):  # another command was quicker
            raise


def take_down(new: str) -> None:
    """What is left of the work, after a failure with a mount over it."""
    if os.path.ismount(f"{new}/merged"):
        mounts.umount2(f"{new}/merged", MNT_DETACH)
    remove_path(new)


def copy_attributes(source: str, target: str) -> None:
    """What a root directory has, for the one that comes to lie on top of it."""
    status = os.stat(source)
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, status.st_mode & 0o7777)
    for name in os.listxattr(source):
        if ".overlay." not in name:
            os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def overlay_options(below: list[str], upper: str, work: str, as_user: bool) -> list[str]:
    """`below` begins with the lowest; overlayfs wants it the other way round."""
    layers = ":".join(path.replace("\\", "\\\\").replace(":", "\\:") for path in reversed(below))
    options = [f"lowerdir={layers}", f"upperdir={upper}", f"workdir={work}"]
    return [*options, *(["userxattr"] if as_user else [])]
