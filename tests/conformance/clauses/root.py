"""config.md#root"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..suite import clause, expect

if TYPE_CHECKING:
    from ..container import Container

ROOT = "config.md#root"
PATH = "On POSIX platforms, `path` is either an absolute path or a relative path to the bundle."


@clause(ROOT, "On all other platforms, this field is REQUIRED.")
def root_is_missing(container: Container) -> None:
    del container.config["root"]
    container.must_be_refused("there is no root")


@clause(ROOT, "`path` (string, REQUIRED) Specifies the path to the root filesystem for the container.")
def root_path_is_missing(container: Container) -> None:
    container.config["root"] = {"readonly": False}
    container.must_be_refused("there is no root.path")


@clause(ROOT, PATH)
def root_path_relative_to_the_bundle(container: Container) -> None:
    container.file("/etc/name", "relative")
    container.config["root"]["path"] = "./rootfs"
    expect("/etc/name", container.look("read", "/etc/name")["/etc/name"]["text"], "relative")


@clause(ROOT, PATH)
def root_path_absolute(container: Container) -> None:
    container.file("/etc/name", "absolute")
    container.config["root"]["path"] = str(container.rootfs)
    expect("/etc/name", container.look("read", "/etc/name", cwd="/")["/etc/name"]["text"], "absolute")


@clause(ROOT, "A directory MUST exist at the path declared by the field.")
def root_path_does_not_exist(container: Container) -> None:
    container.config["root"]["path"] = "missing"
    container.must_be_refused("there is nothing at root.path")


@clause(ROOT, "A directory MUST exist at the path declared by the field.")
def root_path_is_a_file(container: Container) -> None:
    (container.bundle / "file").write_text("")
    container.config["root"]["path"] = "file"
    container.must_be_refused("root.path is a file")


@clause(ROOT, "If true then the root filesystem MUST be read-only inside the container, defaults to false.")
def root_is_readonly(container: Container) -> None:
    container.config["root"]["readonly"] = True
    expect("writing to /etc/new", container.look("write", "/etc/new", "x")["/etc/new"]["error"], "EROFS")


@clause(ROOT, "If true then the root filesystem MUST be read-only inside the container, defaults to false.")
def root_is_writable_by_default(container: Container) -> None:
    expect("writing to /etc/new", container.look("write", "/etc/new", "x")["/etc/new"]["error"], "")
