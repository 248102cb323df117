"""The bundle's config.json as typed records. Whatever bytes stand in the file, the only error is one that explains.

    load("bundle")  ->  content  --bytes-->  decode  --JSON-->  parse  --records-->  Config

There is one `read_xxx(node) -> Record` for each object of the OCI runtime spec. Those of the big objects have files of
their own: load_process.py, load_hooks.py, and load_linux.py with load_resources.py and load_seccomp.py. The rules that
join two properties are in rules.py.
"""

from __future__ import annotations

import os

from .. import quick_json
from ..errors import ConfigError, MinirunError
from .config import EXTENSION, Config, Hooks, Linux, Mount, Root
from .load_linux import MOST_MOUNTS, read_linux, read_mappings
from .load_process import read_process
from .load_rare import extended, hooks
from .reader import Node, refuse_more_than
from .rules import check_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

NAME = "config.json"  # bundle.md: the name is fixed

# config.md#specification-version: a runtime of 1.x takes every 1.y, and later minor versions only add properties.
# Those might be ones that it can't apply, so it stops at the version that it knows.
MINOR_VERSIONS = ("0", "1", "2", "3")
VERSIONS = f"a version (SemVer 2.0) from 1.{MINOR_VERSIONS[0]}.0 to 1.{MINOR_VERSIONS[-1]}.x"
VERSION_SUFFIX = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+")


# ---- from the file to JSON


def load(bundle: str) -> Config:
    """What the bundle's config.json says."""
    return parse(decode(content(bundle)))


def content(bundle: str, name: str = "") -> bytes:
    """The bytes of the bundle's config.json, or of the file `name` in its place."""
    path = os.path.join(bundle, name or NAME)
    # Only a regular file: opening a FIFO would wait for a writer, and a device may never end.
    if not os.path.isfile(path):
        raise MinirunError(why_not(bundle, path))
    try:
        refuse_too_big(path)
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise MinirunError(f"can't read {path!r}: {strerror(error)}") from None


MOST_BYTES = 256 << 20  # a hundred times what execve(2) takes of arguments and variables


def refuse_too_big(path: str) -> None:
    """A sparse file of a terabyte is made in no time. Raises MinirunError, OSError."""
    size = os.path.getsize(path)
    if size > MOST_BYTES:
        raise MinirunError(f"can't read {path!r}: it has {size} bytes\n  allowed: no more than {MOST_BYTES}")


def why_not(bundle: str, path: str) -> str:
    """Why there is no config.json to read, and what to do about it."""
    if not os.path.isdir(bundle):
        trouble = trouble_with(bundle) or "not a directory"
        return (
            f"can't use the bundle {bundle!r}: {trouble}\n  cure:  --bundle DIR names the directory with {NAME} in it"
        )
    is_named = path != os.path.join(bundle, NAME)
    if is_named or os.path.lexists(path) or not os.access(bundle, os.X_OK):
        return f"can't read {path!r}: {trouble_with(path) or 'not a regular file'}"
    has_root = os.path.isdir(os.path.join(bundle, "rootfs"))
    found = f"a rootfs but no {NAME}" if has_root else f"no {NAME}"
    then = "" if has_root else ", and the root file system goes into its rootfs"
    return f"the bundle {bundle!r} has {found}\n  cure:  minirun spec --bundle {bundle!r} writes one{then}"


def trouble_with(path: str) -> str:
    """What stat(2) has to say against the path; "" if nothing."""
    try:
        os.stat(path)
    except OSError as error:
        return strerror(error)
    except ValueError:
        return "the name has a NUL byte or half a character"  # which no system call takes
    return ""


def strerror(error: OSError) -> str:
    """strerror(3), as a part of a sentence."""
    return (error.strerror or "").lower()


# More than the kernel could ever use: some hundred thousand arguments, mounts and variables are all that it takes.
# In memory, each value is some ten times as long as in the file, so what has too many is not read at all.
MOST_VALUES = 500_000


def decode(data: bytes) -> object:
    """The JSON value in the bytes."""
    refuse_too_many(data)
    try:
        return quick_json.loads(data.decode(), parse_constant=refuse_constant)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError("", f"found a byte that is not UTF-8 in line {line}", "JSON in UTF-8") from None
    except RecursionError:
        raise ConfigError("", "found arrays or objects nested too deeply", "no more than some hundred levels") from None
    except ValueError as error:
        if hasattr(error, "lineno"):  # json.JSONDecodeError
            from .not_json import not_json

            raise not_json(error) from None  # type: ignore[arg-type]
        # int() refuses some thousand digits, because its time grows with their square (CVE-2020-10735).
        raise ConfigError("", "found a number with thousands of digits", "numbers of up to 64 bits") from None


def refuse_too_many(data: bytes) -> None:
    """Before anything is made of them, and by what stands between them, in a hundredth of the time."""
    values = sum(map(data.count, (b",", b"{", b"[")))
    if values > MOST_VALUES:
        raise ConfigError("", f"found about {values} values", f"no more than {MOST_VALUES}")


def refuse_constant(name: str) -> NoReturn:
    """Python reads NaN, Infinity and -Infinity as numbers, which RFC 8259 (section 6) does not permit."""
    raise ConfigError("", f"found {name}, which is not JSON", "JSON (RFC 8259)")


# ---- from JSON to records


def parse(value: object) -> Config:
    """The records for the parsed JSON of a config.json."""
    node = Node(value, "")
    config = read_config(node)
    check_rules(config)
    return config


def read_config(node: Node) -> Config:
    """config.md"""
    config = Config(
        oci_version=node.need("ociVersion").matching(is_supported, VERSIONS),
        root=read_root(node.need("root")),
        process=node.maybe("process", read_process),  # may be absent, but then `start` must fail
        hostname=node.text("hostname"),
        domainname=node.text("domainname"),
        mounts=node.maybe("mounts", read_mounts) or (),
        annotations=node.table("annotations", read_annotation),
        linux=node.maybe("linux", read_linux) or Linux(),
        hooks=node.maybe("hooks", hooks) or Hooks(),
    )
    is_extended = any(name.startswith(EXTENSION) for name in config.annotations)
    return extended(config, node.need("annotations")) if is_extended else config


def is_supported(version: str) -> bool:
    """config.md#specification-version"""
    core_length = next((at for at, char in enumerate(version) if char in "-+"), len(version))
    core, suffix = version[:core_length].split("."), version[core_length:]
    plain = all(part.isascii() and part.isdigit() and (part == "0" or part[0] != "0") for part in core)
    known = len(core) == 3 and core[0] == "1" and core[1] in MINOR_VERSIONS
    return plain and known and len(suffix) != 1 and VERSION_SUFFIX.issuperset(suffix)


def read_root(node: Node) -> Root:
    """config.md#root"""
    return Root(path=node.need("path").filled(), readonly=node.flag("readonly"))


def read_mounts(node: Node) -> tuple[Mount, ...]:
    """config.md#mounts"""
    refuse_more_than(MOST_MOUNTS, node)
    return node.every(read_mount)


def read_mount(node: Node) -> Mount:
    """config.md#mounts. A relative destination is relative to "/", as version 1.0 and every peer have it."""
    destination = node.need("destination").filled()
    mount = Mount(
        destination=destination if destination.startswith("/") else "/" + destination,
        type=node.text("type"),
        source=node.text("source"),
        options=node.each("options", Node.string),
        uid_mappings=node.maybe("uidMappings", read_mappings) or (),
        gid_mappings=node.maybe("gidMappings", read_mappings) or (),
    )
    if bool(mount.uid_mappings) != bool(mount.gid_mappings):
        name, other = ("gidMappings", "uidMappings") if mount.uid_mappings else ("uidMappings", "gidMappings")
        raise ConfigError(f"{node.pointer}/{name}", "missing", f"a mount with {other} needs {name}, too")
    return mount


def read_annotation(key: str, node: Node) -> str:
    """config.md#annotations: keys must not be empty, values may be."""
    if not key:
        raise ConfigError(node.pointer, "found an empty key", "keys that are not empty")
    return node.string()
