"""config.md#linux-mount-options: each option of the table, by what mountinfo shows.

An option that sets and the one that clears it are tried together: {set} on a new tmpfs, {set, clear} on another, {set}
on a bind mount of a plain directory, {clear} on a bind mount of a tmpfs of the host that has the flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..machine import host_mount, mount_tree, needs_kernel
from ..suite import MAY, SHOULD, clause, expect, expect_true

if TYPE_CHECKING:
    from ..container import Container
    from ..machine import Mounted

OPTIONS = "config.md#linux-mount-options"
TABLE = "Runtimes MUST/SHOULD/MAY implement the following option strings for Linux"

# set, clear, what mountinfo shows when it is set
PAIRS = {
    "ro": "rw",
    "nosuid": "suid",
    "nodev": "dev",
    "noexec": "exec",
    "noatime": "atime",
    "nodiratime": "diratime",
}


def check(mount: Mounted, option: str, wanted: bool) -> None:
    has = option in mount.options
    expect_true(
        f"{mount.point} is {'' if wanted else 'not '}{option} ({','.join(sorted(mount.options))})", has == wanted
    )


def set_and_clear(container: Container, setting: str, clearing: str) -> None:
    container.mount("/run/set", setting)
    container.mount("/run/cleared", setting, clearing)
    seen = container.look()
    check(seen.mounted_at("/run/set"), setting, True)
    check(seen.mounted_at("/run/cleared"), setting, False)


@clause(OPTIONS, TABLE, each=PAIRS.items())
def options_of_a_new_mount(container: Container, pair: tuple[str, str]) -> None:
    set_and_clear(container, *pair)


@clause(OPTIONS, TABLE, each=PAIRS.items())
def options_set_on_a_bind_mount(container: Container, pair: tuple[str, str]) -> None:
    container.bind(container.host_directory(), "/mnt", pair[0])
    check(container.look().mounted_at("/mnt"), pair[0], True)


@clause(OPTIONS, TABLE, each=PAIRS.items())
def options_cleared_on_a_bind_mount(container: Container, pair: tuple[str, str]) -> None:
    with host_mount(container.place / "host", pair[0]) as source:
        container.bind(source, "/mnt", pair[1])
        check(container.look().mounted_at("/mnt"), pair[0], False)


@clause(OPTIONS, TABLE, each=("sync", "dirsync", "lazytime"))
def options_of_the_file_system_itself(container: Container, option: str) -> None:
    container.mount("/mnt", option)
    shown = container.look().mounted_at("/mnt").super_options
    expect_true(f"/mnt has {option} ({','.join(sorted(shown))})", option in shown)


@clause(OPTIONS, TABLE, each=(("async", "sync"), ("nolazytime", "lazytime")))
def options_cleared_of_the_file_system_itself(container: Container, pair: tuple[str, str]) -> None:
    container.mount("/mnt", pair[1], pair[0])
    shown = container.look().mounted_at("/mnt").super_options
    expect_true(f"/mnt has no {pair[1]} ({','.join(sorted(shown))})", pair[1] not in shown)


@clause(OPTIONS, TABLE, each=("defaults", "silent", "loud", "noiversion"))
def options_that_do_not_show(container: Container, option: str) -> None:
    """They are taken, and don't reach the file system, which would refuse them."""
    container.mount("/mnt", option)
    expect("the type of /mnt", container.look().mounted_at("/mnt").type, "tmpfs")


@clause(OPTIONS, TABLE, level=MAY, each=("mand", "nomand"))
def options_without_effect(container: Container, option: str) -> None:
    """Linux 5.15 has no mandatory locks any more, and takes the flag all the same: fcntl_locking(2)."""
    needs_kernel(5, 15)
    container.mount("/mnt", option)
    expect("the type of /mnt", container.look().mounted_at("/mnt").type, "tmpfs")


@clause(OPTIONS, TABLE)
def option_iversion(container: Container) -> None:
    """tmpfs takes the flag, and refuses the word as data."""
    container.mount("/mnt", "iversion")
    expect("the type of /mnt", container.look().mounted_at("/mnt").type, "tmpfs")


@clause(OPTIONS, TABLE, each=("relatime", "nostrictatime"))
def option_relatime(container: Container, option: str) -> None:
    container.mount("/mnt", *(["strictatime"] if option == "nostrictatime" else []), option)
    check(container.look().mounted_at("/mnt"), "relatime", True)


@clause(OPTIONS, TABLE)
def option_strictatime(container: Container) -> None:
    """Strict is what mountinfo shows by the absence of the other two."""
    container.mount("/mnt", "strictatime")
    mount = container.look().mounted_at("/mnt")
    check(mount, "relatime", False)
    check(mount, "noatime", False)


@clause(OPTIONS, TABLE)
def option_norelatime(container: Container) -> None:
    container.mount("/mnt", "norelatime")
    expect("the type of /mnt", container.look().mounted_at("/mnt").type, "tmpfs")


@clause(OPTIONS, TABLE)
def option_remount(container: Container) -> None:
    container.mount("/mnt")
    container.mount("/mnt", "remount", "ro")
    expect("writing to /mnt/new", container.look("write", "/mnt/new", "x")["/mnt/new"]["error"], "EROFS")


@clause(OPTIONS, TABLE, level=SHOULD)
def option_nosymfollow(container: Container) -> None:
    needs_kernel(5, 10)
    set_and_clear(container, "nosymfollow", "symfollow")


# ---- recursive: mount_setattr(2) with AT_RECURSIVE

RECURSIVE = {
    "rro": ("rrw", "ro"),
    "rnosuid": ("rsuid", "nosuid"),
    "rnodev": ("rdev", "nodev"),
    "rnoexec": ("rexec", "noexec"),
    "rnodiratime": ("rdiratime", "nodiratime"),
    "rnosymfollow": ("rsymfollow", "nosymfollow"),
    "rnoatime": ("ratime", "noatime"),
}


@clause(OPTIONS, TABLE, level=SHOULD, each=RECURSIVE)
def recursive_options_set(container: Container, option: str) -> None:
    needs_kernel(5, 14)
    with mount_tree(container.place / "tree") as tree:
        container.bind(tree, "/mnt", "rbind", option)
        seen = container.look()
    for point in ("/mnt", "/mnt/sub"):
        check(seen.mounted_at(point), RECURSIVE[option][1], True)


@clause(OPTIONS, TABLE, level=SHOULD, each=[(clearing, shown) for clearing, shown in RECURSIVE.values()])
def recursive_options_cleared(container: Container, pair: tuple[str, str]) -> None:
    needs_kernel(5, 14)
    with mount_tree(container.place / "tree", pair[1]) as tree:
        container.bind(tree, "/mnt", "rbind", pair[0])
        seen = container.look()
    for point in ("/mnt", "/mnt/sub"):
        check(seen.mounted_at(point), pair[1], False)


@clause(OPTIONS, TABLE, level=SHOULD, each=("rrelatime", "rnostrictatime", "rstrictatime", "rnorelatime"))
def recursive_options_of_access_times(container: Container, option: str) -> None:
    """norelatime leaves open which of the other two it means, so only its acceptance is looked at."""
    needs_kernel(5, 14)
    with mount_tree(container.place / "tree", "noatime") as tree:
        container.bind(tree, "/mnt", "rbind", option)
        seen = container.look()
    for point in ("/mnt", "/mnt/sub"):
        if option in ("rrelatime", "rstrictatime"):
            check(seen.mounted_at(point), "noatime", False)
            check(seen.mounted_at(point), "relatime", option == "rrelatime")
