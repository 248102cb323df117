"""Which kind of source a reference means. Each is imported for who names one of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .reference import Reference
    from .source import Source


def open_source(reference: Reference, most: int) -> Source:
    """`most` is for those that have to decompress their layers to know what they have. Raises ImageError."""
    if reference.kind == "oci":
        from .layout import Layout

        return Layout(reference)
    if reference.kind == "docker-archive":
        from .archive import DockerArchive

        return DockerArchive(reference, most)
    if reference.kind == "tar":
        from .plain_tar import PlainTar

        return PlainTar(reference, most)
    from .registry import Registry

    return Registry(reference)
