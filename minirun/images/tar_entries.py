"""The entries of a layer's tar file (image-spec, layer.md). Python's tarfile takes the headers apart; what they say is
checked here before anything is made of it, and read in one go, so that a layer may be of any size."""

from __future__ import annotations

import itertools
import re
import tarfile

from ..record import Record
from ..safe import safe
from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Self

    from .streams import Tap

FILE, DIRECTORY, SYMLINK, HARD_LINK, CHARACTER, BLOCK, FIFO = (
    *("file", "directory", "symlink", "hard link"),
    *("character device", "block device", "fifo"),
)
KIND_OF_TYPE = {
    **dict.fromkeys((tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE), FILE),
    tarfile.DIRTYPE: DIRECTORY,
    tarfile.SYMTYPE: SYMLINK,
    tarfile.LNKTYPE: HARD_LINK,
    tarfile.CHRTYPE: CHARACTER,
    tarfile.BLKTYPE: BLOCK,
    tarfile.FIFOTYPE: FIFO,
}
MOST_BYTES_OF_HEADERS = 1 << 20  # of one entry; xattrs of 64 KiB each, a path of 4 KiB
LONGEST_NUMBER = re.compile(rb"\d{512}")  # tarfile's time grows with its square (CVE-2024-6232)
MOST_PIECES = 1_000_000  # of a sparse file
MOST_ENTRIES = 2_000_000  # of a layer: each takes an inode, and some time. Large ones have 200,000
XATTR = "SCHILY.xattr."  # star(1)'s name for it, which Go's and GNU's tar have taken over
NO_ID = (1 << 32) - 1  # chown(2): "leave it"
LAST_TIME = 1 << 62  # ns since 1970


class Entry(Record):
    """`names` is the path, without what stands for the root; () is the root itself."""

    names: tuple[str, ...]
    kind: str
    mode: int
    uid: int
    gid: int
    mtime: int  # ns since 1970
    size: int = 0  # bytes, holes included
    link: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = {}
    pieces: tuple[tuple[int, int], ...] = ()  # of a file's data: where in it, how many bytes

    @property
    def path(self) -> str:
        return "/".join(self.names)

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""


class Header(tarfile.TarInfo):
    """A header whose lies end the reading: tarfile would take them for the file's end."""

    @classmethod
    def frombuf(cls, *values: Any) -> Self:
        made = super().frombuf(*values)
        if made.size < 0:
            raise ImageError(f"a layer's tar file has an entry of {made.size} bytes")
        return made

    @classmethod
    def fromtarfile(cls, *values: Any) -> Self:
        try:
            return super().fromtarfile(*values)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise ImageError(f"a layer is no tar file, or damaged: {error}") from None


class Headers:
    """What tarfile may read of a layer: the headers of one entry. Some make it read on without end."""

    def __init__(self, tap: Tap) -> None:
        self.tap, self.end = tap, MOST_BYTES_OF_HEADERS

    def go_to(self, place: int) -> bool:
        """Whether there may be more at `place`, where the next entry would begin. Some writers, such as umoci insert,
        leave out what fills the last block, and the two empty blocks behind it."""
        self.tap.seek(place)
        if place - self.tap.place >= tarfile.BLOCKSIZE:
            raise ImageError("a layer's tar file ends within a file")
        self.end = place + MOST_BYTES_OF_HEADERS
        return self.tap.place == place

    def read(self, length: int) -> bytes:
        if self.tap.place + length > self.end:
            raise ImageError(f"a layer has an entry whose headers have more than {MOST_BYTES_OF_HEADERS} bytes")
        data = self.tap.read(length)
        if LONGEST_NUMBER.search(data):
            raise ImageError("a layer has an entry with a number of hundreds of digits in its headers")
        return data

    def tell(self) -> int:
        return self.tap.place


def tar_entries(tap: Tap) -> Iterator[Entry]:
    """Whoever gets an entry may read the data of a file next, all of its pieces from `tap`. Raises ImageError."""
    try:
        headers = Headers(tap)
        archive = tarfile.TarFile(fileobj=headers, tarinfo=Header, errors="surrogateescape")  # type: ignore[arg-type]
        for count in itertools.count():
            header = archive.next()
            if header is None:
                return
            if count == MOST_ENTRIES:
                raise too_many_entries()
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            yield entry_of(header, archive.offset - header.offset_data)
            if not headers.go_to(archive.offset):
                return
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        if "empty file" in str(error):
            return
        raise ImageError(f"a layer's tar file can't be read: {error}") from None


def too_many_entries() -> ImageError:
    return ImageError(
        f"a layer has more than {MOST_ENTRIES} entries\n"
        "  cure:  if they are meant to be there, have the image made with several layers"
    )


def entry_of(header: tarfile.TarInfo, stored: int) -> Entry:
    """`stored` is how many bytes the tar file has of it, padding included."""
    kind = KIND_OF_TYPE.get(header.type)
    if kind is None:
        raise refused_entry(header.name, f"type {header.type!r} is none that a layer has")
    check_ids(header)
    return Entry(
        names_of(header.name),
        kind,
        header.mode & 0o7777,
        header.uid,
        header.gid,
        nanoseconds(header),
        header.size if kind == FILE else 0,
        without_nul(header.linkname, header.name),
        (header.devmajor, header.devminor),
        xattrs_of(header),
        pieces_of(header, stored) if kind == FILE else (),
    )


def names_of(path: str) -> tuple[str, ...]:
    """As a process sees it whose root is the layer's: what leads above the root leads to the root."""
    names: list[str] = []
    for name in without_nul(path, path).split("/"):
        if name == "..":
            del names[-1:]
        elif name not in ("", "."):
            names.append(name)
    return tuple(names)


def without_nul(text: str, path: str) -> str:
    if "\0" in text:
        raise refused_entry(path, "a name can't have a NUL in it")
    return text


def check_ids(header: tarfile.TarInfo) -> None:
    if not (0 <= header.uid < NO_ID and 0 <= header.gid < NO_ID):
        raise refused_entry(header.name, f"it belongs to {header.uid}:{header.gid}, which are no ids of users")


def nanoseconds(header: tarfile.TarInfo) -> int:
    """tarfile has it as a float, which knows no nanoseconds of this century."""
    text = header.pax_headers.get("mtime")
    if text is None:
        return checked_time(int(header.mtime) * 10**9, header)
    whole, _, part = text.partition(".")
    after = int((part + "0" * 9)[:9])
    return checked_time(int(whole) * 10**9 + (-after if whole.startswith("-") else after), header)


def checked_time(time: int, header: tarfile.TarInfo) -> int:
    if abs(time) > LAST_TIME:
        raise refused_entry(header.name, f"it was changed {time} ns after 1970")
    return time


def xattrs_of(header: tarfile.TarInfo) -> dict[str, bytes]:
    pairs = header.pax_headers.items()
    found = {without_nul(name.removeprefix(XATTR), header.name): text for name, text in pairs if name.startswith(XATTR)}
    return {name: value.encode(errors="surrogateescape") for name, value in found.items()}


def pieces_of(header: tarfile.TarInfo, stored: int) -> tuple[tuple[int, int], ...]:
    """Raises ImageError where a sparse file's map is no map of it."""
    sparse = getattr(header, "sparse", None)
    if sparse is None:
        return ((0, header.size),)
    pieces = tuple((int(place), int(length)) for place, length in sparse if length)
    end = 0
    for place, length in pieces:
        if place < end or length < 0 or place + length > header.size:
            raise refused_entry(header.name, "the map of its holes is wrong")
        end = place + length
    if len(pieces) > MOST_PIECES or sum(length for _, length in pieces) > stored:
        raise refused_entry(header.name, "the map of its holes promises more data than there is")
    return pieces


def refused_entry(path: str, why: str) -> ImageError:
    return ImageError(f"a layer has an entry {safe(path[:200])!r} that can't be unpacked: {why}")
