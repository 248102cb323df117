"""What the two processes say to each other, and what a process that is in other hands might say."""

from __future__ import annotations

import pytest

from minirun.errors import StepError
from minirun.runtime.own_signals import Signals
from minirun.runtime.sync import Sync
from minirun.steps.step import CONTAINER, RUNTIME, Channel, Context, Log


@pytest.fixture
def sync():
    own = Signals()
    sync = Sync(own)
    yield sync
    sync.hang_up()
    own.close()


@pytest.mark.parametrize("message", [b"x", b"\xff", b"[]", b"1", b'{"number": 1}', b"[" * 60000], ids=lambda m: m[:9])
@pytest.mark.parametrize("wait", ["wait_for_turn", "wait_for_program"])
def test_what_is_no_message_is_an_error_of_minirun(sync, wait, message):
    context = Context(Log(), Channel())
    assert context.me == RUNTIME
    sync.ends[CONTAINER].send(message)
    with pytest.raises(StepError, match="no message of minirun's"):
        getattr(sync, wait)(context)
