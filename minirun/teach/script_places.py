"""Where a script makes something below the container's root, which is still a directory of the host.

minirun looks a place up with that directory as the root, a shell can't: so the script looks for symlinks before.
"""

from __future__ import annotations

from ..steps.binds import BindCgroup, BindMount
from ..steps.copying import MountFilled
from ..steps.masks import MakePathReadOnly, MaskPath
from ..steps.mounts import MountCgroup, MountFilesystem
from ..steps.shell import in_root, quoted
from ..steps.step import CONTAINER
from .script_lines import on_lines
from .script_part import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..steps.step import Step

MOUNTS = (BindMount, BindCgroup, MountCgroup, MountFilesystem)
HIDING = (MakePathReadOnly, MaskPath)
# What these mount is empty, or the kernel's own: no symlink of an image in there.
CLEAN = ("proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup2")


class Places:
    def __init__(self) -> None:
        self.of_image: list[str] = []
        self.mounted: dict[str, str] = {}  # where -> a file system of CLEAN, or ""

    @property
    def entry(self) -> Entry:
        """The look at all places of the image, which are known when the whole plan is."""
        return PlacesEntry(self.of_image)

    def look_before(self, steps: list[Step]) -> Iterator[str]:
        for step in steps:
            for place in places_of(step):
                yield from self.look_at(place, step)
            if isinstance(step, MOUNTS):
                self.mounted[step.destination] = clean_type(step)

    def look_at(self, place: str, step: Step) -> Iterator[str]:
        below = self.below(place)
        if not below:
            self.of_image += [place] if place not in self.of_image else []
        elif not self.is_clean(below, step) or ".." in place:
            yield f"inside {quoted(place)}"

    def is_clean(self, mounted: str, step: Step) -> bool:
        """No symlink of others can be in there. Those in /proc/PID lead anywhere, but nobody hides one of them."""
        kind = self.mounted[mounted]
        return kind != "" and (kind != "proc" or isinstance(step, HIDING))

    def below(self, place: str) -> str:
        """The mount that a place is in; "" for the image."""
        around = (mounted for mounted in self.mounted if place.startswith(mounted.rstrip("/") + "/"))
        return max(around, key=len, default="")

    def is_kept(self, place: str) -> bool:
        """Whether what is made there may be there already, from the run before."""
        return not self.mounted.get(self.below(place), "")


def places_of(step: Step) -> list[str]:
    """What its command names of the container's root, before it is the root."""
    named = (getattr(step, "inside", None), getattr(step, "destination", getattr(step, "path", None)))
    return [place for place in named if isinstance(place, str) and place and in_root(place) in (step.shell() or "")]


def clean_type(step: Step) -> str:
    if isinstance(step, (MountCgroup, BindCgroup)):
        return "cgroup2"
    if not isinstance(step, MountFilesystem) or isinstance(step, MountFilled):
        return ""
    return step.type if step.type in CLEAN else ""


class PlacesEntry(Entry):
    def __init__(self, places: list[str]) -> None:
        super().__init__(("mounts", CONTAINER), "", ())
        self.places = places

    def lines(self) -> Iterator[str]:
        yield from ("", "# No symlink of the image may lead the commands below out of it.")
        yield from on_lines(f'for place in {" ".join(map(quoted, self.places))}; do inside "$place"; done')
        yield from self.commands
