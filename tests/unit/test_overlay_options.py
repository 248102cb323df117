"""Options of overlayfs that are longer than mount(2) takes them."""

from __future__ import annotations

import pytest

from minirun.kernel.overlay import is_short, shortened
from minirun.plan.mounts import claim_steps
from minirun.steps.overlay import MountOverlay, told
from minirun.steps.overlay_claim import ClaimChanges

MANY = [f"/var/lib/store/layers/{number:060}" for number in range(100)]


def options(layers: list[str]) -> str:
    return f"lowerdir={':'.join(layers)},upperdir=/b/upper,workdir=/b/work"


def test_short_ones_stay_as_they_are() -> None:
    assert shortened(options(MANY[:3])) == ("", options(MANY[:3]))


def test_names_in_the_directory_that_they_have_in_common() -> None:
    directory, data = shortened(options(MANY * 2))
    assert directory == "/var/lib/store/layers"
    assert told(data, "lowerdir").split(":") == [name.rpartition("/")[2] for name in MANY] * 2
    assert (told(data, "upperdir"), told(data, "workdir")) == ("/b/upper", "/b/work")


@pytest.mark.parametrize("layers", [[*MANY, "/elsewhere/1"], [*MANY, "/var/lib/store/other/1"], ["/" + "x" * 5000] * 2])
def test_layers_of_several_directories_have_no_short_names(layers: list[str]) -> None:
    assert shortened(options(layers)) == ("", options(layers))


def test_colons_and_backslashes_of_a_path() -> None:
    """overlayfs.rst: a colon in a directory's name has a backslash before it."""
    directory, data = shortened(options([name.replace("store", "a\\:b\\\\c") for name in MANY]))
    assert directory == "/var/lib/a:b\\c/layers"
    assert is_short(data.replace("0" * 30, "")) and told(data, "lowerdir").startswith("0" * 60 + ":")


def test_the_shell_command_is_in_that_directory_for_the_mount_alone() -> None:
    told_command = MountOverlay("overlay", "overlay", "/", 0, options(MANY)).shell()
    assert "( cd /var/lib/store/layers && mount -t overlay" in told_command.replace("--internal-only ", "")
    assert told_command.endswith(")")


@pytest.mark.parametrize(
    ("upper", "destination", "is_claimed"),
    [("/b/upper", "/", True), ("/b/upper", "/srv", False), ("upper", "/", False), ("", "/", False)],
)
def test_what_is_claimed_is_the_directory_of_a_root(upper: str, destination: str, is_claimed: bool) -> None:
    """Of a relative path only the kernel knows where it leads, so there is no place beside it."""
    steps = claim_steps(f"lowerdir=/a,upperdir={upper},workdir=/b/work", destination, "/mounts/0")
    assert steps == [ClaimChanges(upper, "/mounts/0")] * is_claimed


@pytest.mark.parametrize("name", ["upperdir", "workdir"])
def test_a_relative_path_is_not_looked_up_elsewhere(name: str) -> None:
    data = options(MANY).replace(f"{name}=/", f"{name}=")
    assert shortened(options(MANY))[0] and shortened(data) == ("", data)
