"""Lab 12. An image by hand: three layers, the third of which deletes a file of the second; then the directory, by
overlay, and the container."""

from __future__ import annotations

import os

from ...kernel import files
from ...kernel.mounts import mount as mount_filesystem
from ...teach import inspection
from .. import bundles, look
from ..lab import Finding, Goal, Lab, done, not_yet, question, wrong
from ..needs import programs
from .layout import Image, Unfit, diff_ids, names_in, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..desk import Desk

PROGRAM = ("sleep", "1217")
GREETING = "GREETING=hello"
OVERLAYFS_SUPER_MAGIC = 0x794C7630  # linux/magic.h
PLACE = "bundle/rootfs"  # of the overlay


def make(desk: Desk) -> None:
    bundles.rootfs(desk.file("base"))
    os.makedirs(desk.file("work"))
    if lies_on_overlay(desk.directory):  # which takes no overlay's upper layer, nor its whiteouts
        mount_filesystem("lab12", desk.file("work"), "tmpfs", 0, "mode=755")


def lies_on_overlay(directory: str) -> bool:
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return files.filesystem_type(opened) == OVERLAYFS_SUPER_MAGIC
    finally:
        os.close(opened)


# ---- the image


def of_image(find: Callable[[Image], Finding]) -> Callable[[Desk], Finding]:
    """A look at the layout, once all its blobs are what they are called."""

    def look_at(desk: Desk) -> Finding:
        try:
            return find(read(desk.file("image")))
        except Unfit as unfit:
            if unfit.hint:
                return wrong(unfit.hint, unfit.found, unfit.expected)
            return not_yet(unfit.expected, unfit.found)

    return look_at


def layout(image: Image) -> Finding:
    return done(f"a manifest, a config, {len(image.layers)} layers, each under its digest")


def ids(image: Image) -> Finding:
    rootfs, right = image.config.get("rootfs"), diff_ids(image)
    given = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(given, list) or not given:
        return not_yet("three diff_ids in /rootfs of the config")
    given = list(map(str, given))
    if given == right:
        return done("three diff_ids, in the order of the layers")
    if given == list(image.digests):
        return wrong("digests_of_packed", "the digests of the layers", "those of the archives in them")
    if sorted(given) == sorted(right):
        return not_yet("the diff_ids in the order of the layers", "another order")
    return not_yet("the SHA-256 of each layer before gzip", ", ".join(one[:15] for one in given))


def whiteout(image: Image) -> Finding:
    second, third = set(names_in(image.layers[1])), set(names_in(image.layers[2]))
    if "etc/secret" not in second:
        return not_yet("etc/secret in the second layer")
    if "etc/.wh.secret" in third:
        return done("etc/secret in the second layer, etc/.wh.secret in the third")
    return wrong("left_out", "nothing about etc/secret in the third layer", "a sign that deletes it")


# ---- the directory


def overlay(desk: Desk) -> Finding:
    place = desk.file(PLACE)
    here = [mount for mount in inspection.look(os.getpid()).mounts if mount.point == place]
    if not here:
        return not_yet(f"an overlay on {PLACE}", "no mount")
    if here[-1].type != "overlay":
        return not_yet(f"an overlay on {PLACE}", here[-1].type)
    motd = look.read(f"{place}/etc/motd")
    if motd == "third":
        return done("an overlay, the third layer on top")
    if motd == "second":
        return wrong("upside_down", "etc/motd is the second layer's", "the third's")
    return not_yet("etc/motd of the third layer in it", f"{motd}" if motd else "no etc/motd")


def absent(_desk: Desk) -> Finding:
    container = look.contained(*PROGRAM)
    if container is None:
        return not_yet("a running container")
    place = f"/proc/{container.pid}/root/etc"
    if os.path.lexists(f"{place}/.wh.secret"):
        return wrong("not_translated", "/etc/.wh.secret in the container", "neither it nor /etc/secret")
    if not os.path.isdir(place) or look.read(f"{place}/motd") != "third":
        return not_yet("the three layers in the container")
    if os.path.lexists(f"{place}/secret"):
        return wrong("left_out", "/etc/secret in the container", "no such file")
    return done("there is no /etc/secret in the container")


# ---- the container


def runs(_desk: Desk) -> Finding:
    container = look.contained(*PROGRAM)
    if container is None:
        return not_yet("the container lab12, with sleep 1217", "no such process")
    root = next((mount for mount in container.mounts if mount.point == "/"), None)
    if root is None or root.type != "overlay":
        return not_yet("an overlay as its root", root.type if root else "")
    directory, environment = os.readlink(f"/proc/{container.pid}/cwd"), environ(container.pid)
    if GREETING not in environment or directory != "/srv":
        greeting = GREETING if GREETING in environment else "no GREETING"
        return wrong("not_of_the_image", f"{greeting}, in {directory}", f"{GREETING}, in /srv")
    return done(f"process {container.pid}, in {directory}, with {GREETING}")


def environ(pid: int) -> list[str]:
    return (look.read(f"/proc/{pid}/environ") or "").split("\0")


IMAGE = ("layout",)

LAB = Lab(
    "From image to bundle",
    40,
    goals=(
        Goal(
            "layout",
            "image/ is an OCI image layout of three layers, and each blob has its digest as its name.",
            of_image(layout),
            points=4,
            tips=(
                "first the layers, then the config, the manifest, and index.json: each names those before it",
                "after a change, the digest is another one, in whatever names it, too",
            ),
        ),
        Goal(
            "ids",
            "The config of the image names the three layers by their diff_ids.",
            of_image(ids),
            points=3,
            tips=("a diff_id is the SHA-256 of the tar archive, before gzip",),
            after=IMAGE,
        ),
        Goal(
            "whiteout",
            "The third layer deletes etc/secret, which the second has.",
            of_image(whiteout),
            points=2,
            tips=("an empty file etc/.wh.secret in the third layer says that etc/secret is to go",),
            after=IMAGE,
        ),
        Goal(
            "overlay",
            "An overlay of the three layers is mounted on bundle/rootfs.",
            overlay,
            points=3,
            tips=("mount -t overlay -o lowerdir=TOP:MIDDLE:BOTTOM,upperdir=…,workdir=… NAME bundle/rootfs",),
        ),
        Goal(
            "runs",
            "The container lab12 runs what the image says, where it says, with the environment that it says.",
            runs,
            points=3,
            tips=("jq takes Cmd, Env and WorkingDir from the image's config into process of config.json",),
            after=("overlay",),
        ),
        Goal(
            "absent",
            "In the container there is no /etc/secret, and no sign of it either.",
            absent,
            points=3,
            tips=(
                "in overlayfs the sign for a deleted file is a character device with the numbers 0 0",
                "mknod work/3/etc/secret c 0 0, and away with .wh.secret, both before the overlay is mounted",
            ),
            after=("runs",),
        ),
        question(
            "where",
            "In which layer of the image can the password still be read: 1, 2, 3, or none?",
            ("2", "second", "the second", "layer 2"),
            wrongs={"deleted_is_not_gone": ("none", "no", "0")},
            tips=("tar -xzOf image/blobs/sha256/DIGEST ./etc/secret",),
        ),
    ),
    hints={
        "changed_later": "A blob is called by its own SHA-256, and who names it says its size. If it is changed, "
        "it needs another name; then what names it is changed, and needs another name, too, up to index.json.",
        "digests_of_packed": "A layer has two numbers. Its digest is that of the packed file, for whoever fetches it. "
        "Its diff_id is that of the archive inside, which stays the same however it is packed.",
        "left_out": "Leaving a file out of a layer deletes nothing: the layer below still has it. The layer has to say "
        "that it is to go, by a whiteout.",
        "upside_down": "In lowerdir= the first directory lies on top of the others (overlayfs.rst): it is the reverse "
        "of the order in the manifest.",
        "not_translated": "Tar archives have the file .wh.NAME for a deleted one, overlayfs has a character device "
        "0/0 called NAME. Whoever unpacks a layer translates. Unmount, do that in the unpacked layer, and mount "
        "again.",
        "not_of_the_image": "The container runs, but not as the image says: its config has Env and WorkingDir, "
        "which belong into process.env and process.cwd of config.json.",
        "deleted_is_not_gone": "It is out of sight in the container, but layers are never changed: a whiteout only "
        "covers. Look into the blob of each layer, with tar -tzf.",
    },
    needs=(programs("tar", "gzip", "jq", "sha256sum"),),
    make=make,
    runtimes=True,
)
