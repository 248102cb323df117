"""config-linux.md#masked-paths and #readonly-paths"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..suite import clause, expect

if TYPE_CHECKING:
    from ..container import Container

MASKED = "config-linux.md#masked-paths"
MASK = (
    "`maskedPaths` (array of strings, OPTIONAL) will mask over the provided paths inside the container so that "
    "they cannot be read."
)
READONLY = "config-linux.md#readonly-paths"
SET = "`readonlyPaths` (array of strings, OPTIONAL) will set the provided paths as readonly inside the container."
ABSOLUTE = "The values MUST be absolute paths in the container namespace."


@clause(MASKED, MASK)
def a_masked_file(container: Container) -> None:
    container.file("/etc/secret", "a secret")
    container.linux["maskedPaths"] = ["/etc/secret"]
    expect("/etc/secret", container.look("read", "/etc/secret")["/etc/secret"]["text"], "")


@clause(MASKED, MASK)
def a_masked_directory(container: Container) -> None:
    container.file("/etc/secrets/one", "a secret")
    container.linux["maskedPaths"] = ["/etc/secrets"]
    expect("/etc/secrets", container.look("list", "/etc/secrets")["/etc/secrets"], [])


@clause(MASKED, MASK)
def a_masked_file_of_proc(container: Container) -> None:
    container.linux["maskedPaths"] = ["/proc/interrupts"]
    expect("/proc/interrupts", container.look("read", "/proc/interrupts")["/proc/interrupts"]["text"], "")


@clause(MASKED, MASK)
def a_masked_path_of_a_mount(container: Container) -> None:
    """The mounts come first, so that a path inside of one is masked, too."""
    (container.host_directory() / "secret").write_text("a secret")
    container.bind(container.place / "host", "/mnt")
    container.linux["maskedPaths"] = ["/mnt/secret"]
    expect("/mnt/secret", container.look("read", "/mnt/secret")["/mnt/secret"]["text"], "")


@clause(MASKED, ABSOLUTE)
def a_masked_path_that_is_relative(container: Container) -> None:
    container.file("/etc/secret", "a secret")
    container.linux["maskedPaths"] = ["etc/secret"]
    container.must_be_refused("a masked path is relative")


@clause(READONLY, SET)
def a_readonly_file(container: Container) -> None:
    container.file("/etc/file", "as it was")
    container.linux["readonlyPaths"] = ["/etc/file"]
    expect("writing to it", container.look("write", "/etc/file", "x")["/etc/file"]["error"], "EROFS")


@clause(READONLY, SET)
def a_readonly_directory(container: Container) -> None:
    container.file("/etc/deep/file", "as it was")
    container.linux["readonlyPaths"] = ["/etc"]
    expect("writing below it", container.look("write", "/etc/deep/file", "x")["/etc/deep/file"]["error"], "EROFS")


@clause(READONLY, SET)
def a_readonly_path_of_proc(container: Container) -> None:
    container.linux["readonlyPaths"] = ["/proc/sys"]
    path = "/proc/sys/kernel/msgmax"
    expect("writing below it", container.look("write", path, "8192")[path]["error"], "EROFS")


@clause(READONLY, ABSOLUTE)
def a_readonly_path_that_is_relative(container: Container) -> None:
    container.file("/etc/file")
    container.linux["readonlyPaths"] = ["etc/file"]
    container.must_be_refused("a read-only path is relative")
