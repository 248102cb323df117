"""What an image, its registry, or a program in a container may say, and minirun must not do."""

from __future__ import annotations

import os

import pytest

from minirun.images.conversion import converted
from minirun.images.errors import ImageError
from minirun.images.reference import Reference
from minirun.images.registry import check_name
from minirun.images.registry_http import is_safe
from minirun.metrics.waiting import Waiting
from minirun.metrics.watching import hear

ELSEWHERE, HERE = "https://registry.example/v2/app", "http://localhost:5000/v2/app"


@pytest.mark.parametrize(
    ("url", "begun", "safe"),
    [
        ("https://blobs.example/x", ELSEWHERE, True),
        ("http://blobs.example/x", ELSEWHERE, False),
        ("http://localhost:5000/x", HERE, True),
        ("http://localhost:8080/shutdown", ELSEWHERE, False),  # a stranger's word to a service that trusts this host
        ("https://[::1]/x", ELSEWHERE, False),
        ("http://localhost:80@blobs.example/x", HERE, False),  # a user's name and password, and another host
        ("https://github.com:@blobs.example/x", ELSEWHERE, False),  # CVE-2024-47081
        ("file:///etc/shadow", HERE, False),
    ],
)
def test_where_a_registry_may_lead(url: str, begun: str, safe: bool) -> None:
    assert is_safe(url, begun) is safe


def test_a_tag_is_no_path() -> None:
    with pytest.raises(ImageError, match="no image's name"):
        check_name("app", Reference("docker", "localhost/app", "../../_catalog").tag)


def converted_here(config: dict[str, object]) -> tuple[dict[str, object], list[str]]:
    root = os.open("/", os.O_PATH)
    try:
        made, lines = converted({"config": config}, root, None)
        return made, [line.left_out for line in lines if line.left_out]
    finally:
        os.close(root)


def test_a_label_may_have_any_name() -> None:
    assert converted_here({"Labels": {"-": "x", "~1/": "y"}})[0]["annotations"] == {"-": "x", "~1/": "y"}


@pytest.mark.parametrize("path", ["/", "/proc", "//./a/../proc/", "sys/fs/cgroup", "/dev"])
def test_no_volume_lies_over_the_kernels_files(path: str) -> None:
    made, left_out = converted_here({"Volumes": {path: {}}})
    assert made["mounts"] == converted_here({})[0]["mounts"]
    assert len(left_out) == 1 and "would hide" in left_out[0]


class Endless:
    """A process that does not end."""

    def __init__(self) -> None:
        self.pidfd, self.other = os.pipe()


def test_a_check_that_talks_without_a_pause_comes_to_its_end() -> None:
    process = Endless()
    talk = os.open("/dev/zero", os.O_RDONLY)
    try:
        with Waiting() as waiting, pytest.raises(TimeoutError):
            hear(process, talk, 0.01, waiting)  # type: ignore[arg-type]
    finally:
        for descriptor in (process.pidfd, process.other, talk):
            os.close(descriptor)
