"""Images to try, made without any program: layers of whatever entries a test wants, in all the forms that there are."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

OCI = "application/vnd.oci.image."
MTIME = 1_600_000_000.123456789
REF_NAME = "org.opencontainers.image.ref.name"


def entry(name: str, content: bytes | str | None = None, **values: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A file with this content, or by default a directory; `xattrs` go where star(1) has them."""
    made = tarfile.TarInfo(name)
    data = content.encode() if isinstance(content, str) else content or b""
    made.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
    made.mode = 0o755 if content is None else 0o644
    made.size, made.mtime = len(data), 1_600_000_000
    xattrs = values.pop("xattrs", {})
    made.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in xattrs.items()} | values.pop("pax", {})
    for key, value in values.items():
        setattr(made, key, value)
    return made, data


def link(name: str, target: str, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, b"", type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target, mode=0o777)


def device(name: str, kind: bytes = tarfile.CHRTYPE, major: int = 1, minor: int = 3, **values: Any) -> Any:
    return entry(name, b"", type=kind, devmajor=major, devminor=minor, **values)


def tar(entries: Iterable[tuple[tarfile.TarInfo, bytes]], kind: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind, errors="surrogateescape") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0, compresslevel=1)


def zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(data)


COMPRESSIONS = {"": bytes, "+gzip": zipped, "+zstd": zstd}


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Made:
    """An image of some layers, each a tar file's bytes."""

    def __init__(self, layers: list[bytes], config: dict[str, Any] | None = None, compression: str = "+gzip") -> None:
        self.contents = layers
        self.blobs = [COMPRESSIONS[compression](layer) for layer in layers]
        self.types = [f"{OCI}layer.v1.tar{compression}"] * len(layers)
        self.document = {"architecture": "amd64", "os": "linux", **(config or {})}
        self.document["rootfs"] = {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}

    @property
    def config(self) -> bytes:
        return json.dumps(self.document).encode()

    def descriptors(self) -> list[dict[str, Any]]:
        return [described(kind, blob) for kind, blob in zip(self.types, self.blobs)]

    def manifest(self, **changes: Any) -> bytes:
        told = {"config": described(f"{OCI}config.v1+json", self.config), "layers": self.descriptors()}
        whole = {"schemaVersion": 2, "mediaType": f"{OCI}manifest.v1+json", **told, **changes}
        return json.dumps(whole).encode()

    def layout(self, path: Path, tag: str = "app", manifest: bytes | None = None) -> str:
        """As an OCI image layout."""
        text = self.manifest() if manifest is None else manifest
        for blob in (text, self.config, *self.blobs):
            place = path / "blobs" / digest(blob).replace(":", "/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(blob)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        named = described(f"{OCI}manifest.v1+json", text) | {"annotations": {REF_NAME: tag}}
        (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
        return f"oci:{path}:{tag}"

    def archive(self, path: Path, tag: str = "app:latest") -> str:
        """As `docker save` has it."""
        names = [f"{number}/layer.tar" for number, _ in enumerate(self.contents)]
        name = digest(self.config).partition(":")[2] + ".json"
        listed = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": names}])
        files = {name: self.config, **dict(zip(names, self.contents)), "manifest.json": listed.encode()}
        path.write_bytes(tar(entry(key, value) for key, value in files.items()))
        return f"docker-archive:{path}"


def described(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(blob), "size": len(blob)}


# ---- what is there


def snapshot(root: Path) -> dict[str, Any]:
    """All that lstat(2), readlink(2), listxattr(2) and the content say of every file, by its path; which files are one
    is told by the first of their names."""
    found, first = {}, {}
    for directory, folders, names in os.walk(os.fsencode(root)):
        for name in [b"."] * (directory == os.fsencode(root)) + folders + names:
            path = os.path.join(directory, name)
            key = os.path.relpath(path, os.fsencode(root)).decode(errors="surrogateescape")
            status = os.lstat(path)
            same = first.setdefault((status.st_dev, status.st_ino), key)
            found[key] = facts(path, status) | {"same": None if stat.S_ISDIR(status.st_mode) else same}
    names = {one["same"] for one in found.values()}
    least = {same: min(key for key, one in found.items() if one["same"] == same) for same in names if same}
    return {key: one | {"same": least.get(one["same"])} for key, one in sorted(found.items())}


def facts(path: bytes, status: os.stat_result) -> dict[str, Any]:
    told: dict[str, Any] = {
        "mode": oct(status.st_mode),
        "owner": (status.st_uid, status.st_gid),
        "mtime": status.st_mtime_ns,
        "xattrs": {name: os.getxattr(path, name, follow_symlinks=False) for name in xattrs(path)},
    }
    if stat.S_ISREG(status.st_mode):
        told |= {"size": status.st_size, "content": hash_of_file(path)}
    if stat.S_ISLNK(status.st_mode):
        told["target"] = os.readlink(path)
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        told["device"] = status.st_rdev
    return told


def xattrs(path: bytes) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(os.listxattr(path, follow_symlinks=False))
    return []


def hash_of_file(path: bytes) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
