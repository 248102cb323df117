"""Whatever stands in config.json, the answer is a Config or an explained error, never a traceback."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.spec.damage import JSON, MUTATIONS, RICH, damaged
from unit.spec.spec_helpers import GOOD

from minirun.errors import MinirunError
from minirun.spec.config import Config
from minirun.spec.load import decode, parse

QUICK = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def outcome(value: object) -> None:
    try:
        config = parse(value)
    except MinirunError as error:
        f"{error}".encode()  # it can be printed
    else:
        assert isinstance(config, Config)


def test_the_start_of_the_mutations_is_good() -> None:
    assert isinstance(parse(RICH), Config)


@QUICK
@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(MinirunError):
        outcome(decode(data))


@QUICK
@given(st.binary(max_size=20), st.integers(0, 3000), st.integers(0, 20))
def test_damaged_files(junk: bytes, start: int, length: int) -> None:
    good = json.dumps(RICH).encode()
    with contextlib.suppress(MinirunError):
        outcome(decode(good[:start] + junk + good[start + length :]))


@QUICK
@given(JSON)
def test_any_json(value: object) -> None:
    outcome(value)


@QUICK
@given(
    st.dictionaries(st.sampled_from(["process", "mounts", "linux", "root", "hostname", "annotations", "hooks"]), JSON)
)
def test_any_json_under_known_names(members: dict[str, object]) -> None:
    outcome({**GOOD, **members})


@QUICK
@given(MUTATIONS)
def test_mutations_of_a_good_config(mutations: list[tuple[tuple[Any, ...], str, str, Any]]) -> None:
    outcome(damaged(mutations))
