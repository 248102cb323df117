"""What the two processes say to each other, and what a process that is in other hands might say."""

from __future__ import annotations

import pytest

from minirun.errors import ContainerDied, StepError
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


@pytest.mark.parametrize("wait", ["wait_for_turn", "wait_for_program"])
def test_a_process_that_ends_with_its_turn_unread_has_died(sync, wait):
    """The kernel tells that by ECONNRESET, and only of a process that has read everything by an end of file."""
    context = Context(Log(), Channel())
    sync.give_turn(context)
    sync.ends.pop(CONTAINER).close()
    with pytest.raises(ContainerDied):
        getattr(sync, wait)(context)


@pytest.mark.parametrize("wait", ["wait_for_turn", "wait_for_program"])
def test_its_last_words_are_heard(sync, wait):
    context, died = Context(Log(), Channel()), Context(Log(), Channel())
    died.me = CONTAINER
    sync.give_turn(context)
    sync.send_error(died, StepError(3, 7, "do it", "", "it can't be done"))
    sync.ends.pop(CONTAINER).close()
    with pytest.raises(StepError, match="it can't be done"):
        getattr(sync, wait)(context)


def test_they_are_heard_by_who_has_something_to_say(sync):
    context, died = Context(Log(), Channel()), Context(Log(), Channel())
    died.me = CONTAINER
    sync.send_error(died, StepError(3, 7, "do it", "", "it can't be done"))
    sync.ends.pop(CONTAINER).close()
    with pytest.raises(StepError, match="it can't be done"):
        sync.give_turn(context)


def test_a_turn_for_a_process_that_is_gone(sync):
    sync.ends.pop(CONTAINER).close()
    with pytest.raises(ContainerDied):
        sync.give_turn(Context(Log(), Channel()))
