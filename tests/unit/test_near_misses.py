"""What a word in config.json that means nothing may be meant for, and where that is asked in vain."""

from __future__ import annotations

import pytest

from minirun.cli.unknown_names import slips
from minirun.runtime.near_misses import near_misses


@pytest.mark.parametrize(
    ("word", "close"),
    [("CAP_NET_ADMINN", "CAP_NET_ADMIN"), ("cap_net_admin", "CAP_NET_ADMIN"), ("CAP_KILL_MORE", "")],
)
def test_a_capability(word: str, close: str) -> None:
    """A letter that is there twice, and small letters; something added is a word of its own."""
    (found,) = near_misses({"process": {"capabilities": {"bounding": [word]}}})
    assert found.close == close


@pytest.mark.parametrize(("word", "close"), [("nosuidd", "nosuid"), ("roo", "ro")])
def test_an_option_of_a_mount(word: str, close: str) -> None:
    (found,) = near_misses({"mounts": [{"options": [word]}]})
    assert found.close == close


@pytest.mark.parametrize("text", [b"[]", b'{"linux": 7}', b'{"linux": {"namespaces": [7]}}'])
def test_nobody_knows_the_namespaces_where_they_are_wrong(text: bytes) -> None:
    assert not [told for _pointer, told in slips(text, text) if "chroot" in told]
