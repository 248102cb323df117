"""The content store: what was fetched once is there for all images. It is an OCI image layout itself (image-layout.md),
so skopeo and umoci can read it; beside that it holds layers that are unpacked for overlayfs, and who uses them.

    STORE/oci-layout, index.json, blobs/sha256/…    images, and what they consist of
    STORE/partial/…                                 blobs that are being fetched, or whose fetching was broken off
    STORE/layers/…                                  unpacked ones (overlay.py)
    STORE/bundles/…                                 bundles of `run IMAGE`
    STORE/users/…                                   bundles that stand on layers, each in a file

A blob appears complete and checked, or not at all: it is written under another name, compared with its digest, brought
to the disk (fsync(2)), and renamed. Who uses the store holds a lock that they share, and who tidies up holds it alone.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os

from .. import quick_json
from ..errors import reason
from ..kernel import files
from .descriptors import Descriptor, Manifest, document, is_index, read_index, read_manifest
from .digests import check_content, wrong_content
from .errors import ImageError
from .layout import REF_NAME
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any

    Told = Callable[[int], None]  # how many bytes more there are now

DIRECTORIES = ("blobs/sha256", "blobs/sha512", "partial", "layers", "bundles", "users")
PART = 1 << 20


def default_store() -> str:
    """Where the caller's images are, unless told otherwise."""
    if os.geteuid() == 0:
        return "/var/lib/minirun/store"
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return f"{home}/minirun/store"


class Store:
    """Closed by itself where it is used with `with`. `alone` is for who tidies up."""

    def __init__(self, path: str, alone: bool = False) -> None:
        self.path = path
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            refuse_foreign(path)
            for name in DIRECTORIES:
                os.makedirs(f"{path}/{name}", mode=0o700, exist_ok=True)
            os.chmod(path, 0o700)  # set-user-id programs of images are none of this host's (CVE-2021-41091)
            self.lock = files.open(f"{path}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            self.begin()
        except OSError as error:
            raise ImageError(
                f"can't use the store {path!r}: {reason(error)}\n  cure:  --store DIR names another place for it"
            ) from None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self.lock)

    def begin(self) -> None:
        if not os.path.exists(f"{self.path}/oci-layout"):
            files.replace_file(f"{self.path}/oci-layout", b'{"imageLayoutVersion": "1.0.0"}', 0o600)

    # ---- blobs

    def place(self, digest: str) -> str:
        return f"{self.path}/blobs/{digest.replace(':', '/')}"

    def has(self, digest: str) -> bool:
        return os.path.exists(self.place(digest))

    def open_blob(self, digest: str) -> IO[bytes]:
        """Raises ImageError."""
        try:
            return open(self.place(digest), "rb")
        except OSError as error:
            raise ImageError(f"the store {self.path!r} lacks {digest}: {reason(error)}") from None

    def read_document(self, descriptor: Descriptor) -> bytes:
        """A manifest or a configuration."""
        what = f"{descriptor.digest} in the store"
        with self.open_blob(descriptor.digest) as file:
            return check_content(file.read(), descriptor.digest, what)

    def fetch_blob(self, source: Source, descriptor: Descriptor, told: Told) -> None:
        """Have it here, unless it is. Raises ImageError."""
        if self.has(descriptor.digest):
            told(descriptor.size)
            return
        path = f"{self.path}/partial/{descriptor.digest.partition(':')[2]}"
        with os.fdopen(files.open_regular(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two commands may want it at the same time
            if not self.has(descriptor.digest):
                self.complete(file, path, source, descriptor, told)

    def complete(self, file: IO[bytes], path: str, source: Source, descriptor: Descriptor, told: Told) -> None:
        algorithm = descriptor.digest.partition(":")[0]
        found = hash_so_far(file, algorithm)
        told(file.tell())
        for part in source.blob(descriptor, file.tell()):
            file.write(part)
            found.update(part)
            told(len(part))
            check_size(file, path, descriptor, source)
        digest = f"{algorithm}:{found.hexdigest()}"
        if digest != descriptor.digest or file.tell() != descriptor.size:
            os.unlink(path)
            raise wrong_content(f"a blob of {source.what}", descriptor.digest, digest)
        self.keep(file, path, descriptor.digest)

    def keep(self, file: IO[bytes], path: str, digest: str) -> None:
        file.flush()
        os.fsync(file.fileno())
        os.rename(path, self.place(digest))
        sync_directory(os.path.dirname(self.place(digest)))

    def add_document(self, text: bytes, digest: str) -> None:
        files.replace_file(self.place(digest), text, 0o600)

    # ---- images

    def images(self) -> list[dict[str, Any]]:
        """The descriptors of index.json, as they stand there."""
        try:
            text = files.read_regular(f"{self.path}/index.json", 64 << 20)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return []
        found: list[dict[str, Any]] = document(text, f"{self.path}/index.json").get("manifests", [])
        return found

    def name_image(self, name: str, manifest: Manifest) -> None:
        """From now on this is the image of this name."""
        with self.index_lock():
            others = [one for one in self.images() if one.get("annotations", {}).get(REF_NAME) != name]
            named = manifest.descriptor.replace(annotations={REF_NAME: name})
            self.write_index([*others, named.json()])

    def write_index(self, manifests: list[dict[str, Any]]) -> None:
        text = quick_json.dumps({"schemaVersion": 2, "manifests": manifests}, indent=2) + "\n"
        files.replace_file(f"{self.path}/index.json", text.encode(), 0o600)

    def index_lock(self) -> IO[bytes]:
        file = open(f"{self.path}/index.lock", "wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def manifest_named(self, name: str) -> Manifest | None:
        """The image that this name had here."""
        text = files.read_regular(f"{self.path}/index.json", 64 << 20) if self.images() else b'{"manifests": []}'
        for one in read_index(text, f"{self.path}/index.json"):
            if one.annotations.get(REF_NAME) == name:
                return self.manifest_of(one)
        return None

    def manifest_of(self, descriptor: Descriptor) -> Manifest:
        text = self.read_document(descriptor)
        if is_index(text, descriptor.media_type, descriptor.digest):
            raise ImageError(f"{descriptor.digest} in the store is no image")
        return read_manifest(text, descriptor, descriptor.digest)


def refuse_foreign(path: str) -> None:
    """Whoever owns a directory can put symlinks to any file of the host's in it, and exchange what was checked. Raises
    ImageError."""
    owner = os.stat(path).st_uid
    if owner != os.geteuid():
        raise ImageError(
            f"the store {path!r} is another user's: {owner}, and you are {os.geteuid()}\n"
            "  cure:  --store DIR names another place for it, or do it as that user"
        )


def hash_so_far(file: IO[bytes], algorithm: str) -> Any:
    """Of what an earlier command has fetched; the file is at its end then."""
    found = hashlib.new(algorithm)
    while part := file.read(PART):
        found.update(part)
    return found


def check_size(file: IO[bytes], path: str, descriptor: Descriptor, source: Source) -> None:
    """More than was promised is not read to its end."""
    if file.tell() > descriptor.size:
        os.unlink(path)
        raise ImageError(
            f"a blob of {source.what} is longer than the {descriptor.size} bytes that its descriptor says\n"
            f"  wanted: {descriptor.digest}"
        )


def sync_directory(path: str) -> None:
    opened = files.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def names_at(path: str) -> list[str]:
    """Of the images in a store that may not be there, which stays as it is; [] where it can't be read."""
    try:
        text = files.read_regular(f"{path}/index.json", 64 << 20)
        found = document(text, path).get("manifests", [])
        return [str(one.get("annotations", {}).get(REF_NAME, "")) for one in found]
    except (OSError, ImageError):
        return []
