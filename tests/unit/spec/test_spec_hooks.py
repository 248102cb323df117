"""`hooks`: config.md#posix-platform-hooks."""

from __future__ import annotations

import pytest
from unit.spec.spec_helpers import GOOD, Bad, bad, load_changed

from minirun.spec.config import Hook
from minirun.spec.load import parse

KINDS = {
    "prestart": "prestart",
    "createRuntime": "create_runtime",
    "createContainer": "create_container",
    "startContainer": "start_container",
    "poststart": "poststart",
    "poststop": "poststop",
}
HOOK = "/hooks/prestart/0"


@pytest.mark.parametrize(("kind", "field"), KINDS.items())
def test_each_kind(kind: str, field: str) -> None:
    entries = [{"path": "/a", "args": ["a", "b"], "env": ["A=1"], "timeout": 3}, {"path": "/b"}]
    hooks = load_changed({"/hooks": {kind: entries}}).hooks
    assert getattr(hooks, field) == (Hook("/a", ("a", "b"), ("A=1",), 3), Hook("/b", ("/b",)))
    assert sum(len(entries) for entries in hooks.values()) == 2


def test_kinds_without_entries() -> None:
    assert load_changed({"/hooks": {"prestart": [], "poststop": None}}) == parse(GOOD)


@bad(
    Bad("/hooks", []),
    Bad("/hooks/prestart", {}),
    Bad("/hooks/prestart", [{}], f"{HOOK}/path"),
    Bad("/hooks/prestart", [{"path": "relative"}], f"{HOOK}/path"),
    Bad("/hooks/prestart", [{"path": "/a", "timeout": 0}], f"{HOOK}/timeout"),
    Bad("/hooks/prestart", [{"path": "/a", "timeout": -1}], f"{HOOK}/timeout"),
    Bad("/hooks/prestart", [{"path": "/a", "timeout": 1.5}], f"{HOOK}/timeout"),
    Bad("/hooks/prestart", [{"path": "/a", "env": ["A"]}], f"{HOOK}/env/0"),
    Bad("/hooks/prestart", [{"path": "/a", "args": [1]}], f"{HOOK}/args/0"),
)
def test_what_is_refused(row: Bad) -> None:
    row.check()
