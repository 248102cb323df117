"""The image's configuration -> config.json, line by line (image-spec, conversion.md). Each line remembers where it
comes from, so that `explain --image` can tell; what no line says is as `minirun spec` has it."""

from __future__ import annotations

from ..record import Record
from ..safe import safe
from ..spec.default import default
from ..spec.reader import escape
from .descriptors import optional
from .errors import ImageError
from .tar_entries import names_of
from .users import resolved_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Json = dict[str, Any]

PREFIX = "org.opencontainers.image."
# What an image may not ask of a runtime by its labels: files and sockets of the host's (conversion.md, "Annotations").
UNSAFE = ("run.oci.", "org.minirun.", "org.systemd.", "io.kubernetes.")
VOLUME_OPTIONS = ("nosuid", "nodev", "noexec", "tmpcopyup")  # seeded with what the image has there
VERBATIM = ("os", "architecture", "variant", "os.version", "author", "created")  # of the document -> annotations


class Line(Record):
    """`source` and `target` are JSON pointers: into the image's configuration, and into config.json, where - at the
    end adds to an array. `left_out` says why a line is not taken over."""

    source: str
    target: str
    value: object
    left_out: str = ""


def converted(config: Json, root: int, own: tuple[int, int] | None) -> tuple[Json, list[Line]]:
    """config.json, and its lines that the image has a say about. `root` holds the root directory; `own` are the uid
    and gid of a caller who is not root. Raises ImageError."""
    made = default(own is not None, *(own or (0, 0)))
    made["root"]["readonly"] = False  # images expect to write
    lines = list(lines_of(config, root))
    for line in lines:
        if not line.left_out:
            put_in(made, line)
    return made, lines


def put_in(made: Json, line: Line) -> None:
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in line.target.split("/")[1:]]
    place: Any = made
    for name in way:
        place = place.setdefault(name, {})
    if isinstance(place, list):
        place.append(line.value)
    else:
        place[last] = line.value


def lines_of(config: Json, root: int) -> Iterator[Line]:
    asked = optional(config, "config", dict, "the image's configuration")
    yield from argument_lines(asked)
    yield from environment_lines(asked)
    directory = text_of(asked, "WorkingDir")
    if directory:
        yield Line("/config/WorkingDir", "/process/cwd", "/" + directory.lstrip("/"))
    if text_of(asked, "User"):
        yield Line("/config/User", "/process/user", resolved_user(root, text_of(asked, "User")))
    for path in sorted(optional(asked, "Volumes", dict, WHERE)):
        yield Line(f"/config/Volumes/{escape(path)}", "/mounts/-", volume(path), why_no_volume(path))
    yield from annotation_lines(config, asked)


WHERE = "the image's configuration, config"


def text_of(asked: Json, name: str) -> str:
    return str(optional(asked, name, str, WHERE))


def words_of(asked: Json, name: str) -> list[str]:
    found: list[str] = optional(asked, name, list, WHERE)
    if not all(isinstance(word, str) and "\0" not in word for word in found):
        raise ImageError(f"{WHERE}: {name} has something that is no text\n  allowed: texts")
    return found


def argument_lines(asked: Json) -> Iterator[Line]:
    """The program, and its arguments."""
    both = [(name, words_of(asked, name)) for name in ("Entrypoint", "Cmd")]
    named = "".join(f"/config/{name} " for name, words in both if words).strip()
    if named:
        yield Line(named.replace(" ", " + "), "/process/args", [word for _, words in both for word in words])


def environment_lines(asked: Json) -> Iterator[Line]:
    """Its variables, and those of the default that it says nothing about."""
    found = words_of(asked, "Env")
    names = {pair.partition("=")[0] for pair in found}
    kept = [pair for pair in default(False, 0, 0)["process"]["env"] if pair.partition("=")[0] not in names]
    if found:
        yield Line("/config/Env", "/process/env", [pair for pair in found if "=" in pair] + kept)


def volume(path: str) -> Json:
    """Without a place on the host that it could be kept in, it is as long-lived as the container."""
    options = list(VOLUME_OPTIONS)
    return {"destination": "/" + "/".join(names_of(path)), "type": "tmpfs", "source": "tmpfs", "options": options}


def why_no_volume(path: str) -> str:
    """A volume over the kernel's own files would begin with a copy of them, or hide them from whoever looks for what
    is protected there (CVE-2019-16884)."""
    names = names_of(path)
    if not names or names[0] in ("proc", "sys", "dev"):
        return f"{safe(path)} would hide what the runtime has there"
    return ""


def annotation_lines(config: Json, asked: Json) -> Iterator[Line]:
    """Labels come last: where they have the name of an implicit one, they count."""
    for name in VERBATIM:
        if text := optional(config, name, str, "the image's configuration"):
            yield annotation(f"/{name}", PREFIX + name, text)
    if features := optional(config, "os.features", list, "the image's configuration"):
        yield annotation("/os.features", f"{PREFIX}os.features", ",".join(map(str, features)))
    if stop := text_of(asked, "StopSignal"):
        yield annotation("/config/StopSignal", f"{PREFIX}stopSignal", stop)
    if ports := optional(asked, "ExposedPorts", dict, WHERE):
        yield annotation("/config/ExposedPorts", f"{PREFIX}exposedPorts", ",".join(sorted(ports)))
    for name, text in sorted(optional(asked, "Labels", dict, WHERE).items()):
        yield label(name, text)


def annotation(source: str, name: str, text: str) -> Line:
    return Line(source, f"/annotations/{escape(name)}", text)


def label(name: str, text: object) -> Line:
    line = annotation(f"/config/Labels/{escape(name)}", name, str(text))
    if not name:
        return line.replace(left_out="an annotation needs a name")
    if name.startswith(UNSAFE):
        return line.replace(left_out=f"{safe(name)} would be an order to whoever runs it")
    return line
