"""How the two processes take turns: one socket, three kinds of message.

    runtime                                   the container's process
       │ ──── fork ───────────────────────────────►│   where it can be, in its cgroup and pid namespace
       │ ──── turn ───────────────────────────────►│   the next step of the list is the container's
       │ ◄─────────────────── turn (descriptors) ──│   the next step is the runtime's again
       │           … as often as the owner changes in the list …
       │ ◄─────────────────── error ───────────────│   a step failed: the whole error, told by the runtime
       │ ◄─────────────────── end of file ─────────│   execve(2) has closed the socket: the program runs

Between `create` and `start` there is no runtime. The container's process listens on a socket in the state directory;
`start` connects, and the two go on as if nothing had been between.

The kernel adds the sender's pid to each message to the runtime (SO_PASSCRED, unix(7)). Where the container's process
has had to fork once more, so as to be in other namespaces, the runtime learns the new one's pid by that.
"""

from __future__ import annotations

import os
from errno import ECONNRESET, EPIPE

from .. import quick_json
from ..errors import ContainerDied, StepError
from ..kernel.sockets import MessageSocket
from ..steps.layout import START_SOCKET
from ..steps.step import CONTAINER, RUNTIME, Context
from .own_signals import Alone, Signals, watching

TURN = b"{}"
GONE = "the process at the other end is gone"


class Sync(Alone):
    """Both ends before the fork, one end after it."""

    def __init__(self, own: Signals) -> None:
        super().__init__(own)
        self.ends = dict(zip((RUNTIME, CONTAINER), MessageSocket.pair()))
        self.ends[RUNTIME].want_credentials()

    @classmethod
    def to_waiting_container(cls, directory: str, own: Signals) -> Sync:
        """For `start`: the runtime's end of a talk with the process that has waited since `create`."""
        sync = cls(own)
        sync.hang_up()
        sync.ends = {RUNTIME: MessageSocket.connect(directory, START_SOCKET)}
        return sync

    def wait_for_start(self, context: Context) -> None:
        """The container's process: wait for `start`, and talk to that from now on."""
        while True:
            end = context.start_socket.accept()
            self.ends[context.me].close()
            self.ends[context.me] = end
            if end.read() == TURN:
                context.start_socket.close()
                return

    def keep_side(self, me: str) -> None:
        self.ends.pop(CONTAINER if me == RUNTIME else RUNTIME).close()

    def descriptor(self) -> int:
        (end,) = self.ends.values()
        return end.fileno()

    def give_turn(self, context: Context) -> None:
        """Let the other process go on. Descriptors in `context.outgoing` go along."""
        self.send(context, TURN, tuple(context.outgoing))
        for descriptor in context.outgoing:
            os.close(descriptor)
        context.outgoing.clear()

    def send_error(self, context: Context, error: StepError) -> None:
        """Tell the runtime what went wrong here."""
        self.send(context, quick_json.dumps(error.to_json()).encode())

    def send(self, context: Context, message: bytes, descriptors: tuple[int, ...] = ()) -> None:
        end = self.ends[context.me]
        try:
            end.send(message, descriptors)
        except OSError as error:
            raise (is_gone(error) and last_words(end)) or gone(error) from None

    def wait_for_turn(self, context: Context) -> None:
        """Wait until the other process hands over. Raises its error, ContainerDied at its end, Interrupted."""
        message = self.receive(context)
        if not message:
            raise ContainerDied(GONE)
        if message != TURN:
            raise error_of(message)

    def wait_for_program(self, context: Context) -> None:
        """Wait for execve(2) to close the other end. Raises the error that comes instead."""
        message = self.receive(context)
        if message:
            raise error_of(message)

    def receive(self, context: Context) -> bytes:
        """The next message; empty where the other end is closed. Raises ContainerDied; for the runtime Interrupted."""
        end = self.ends[context.me]
        if context.me == RUNTIME:
            self.wait(context, end.fileno())
        try:
            # behind the system call filter only read(2) may be taken for granted, and nothing comes along any more
            message, descriptors, sender = (end.read(), (), 0) if context.is_filtered else received(end)
        except OSError as error:
            raise gone(error) from None
        context.incoming += descriptors
        context.sender = sender or context.sender
        return message

    def wait(self, context: Context, descriptor: int, seconds: float | None = None) -> bool:
        if context.me == RUNTIME:
            return super().wait(context, descriptor, seconds)
        return self.wait_beside_runtime(descriptor, seconds)

    def wait_beside_runtime(self, descriptor: int, seconds: float | None) -> bool:
        """The container's process: without the runtime there will be no container. Raises ContainerDied."""
        end = self.ends[CONTAINER].fileno()
        poll = watching(descriptor)
        poll.register(end, 0)  # POLLHUP is told in any case
        ready = dict(poll.poll(None if seconds is None else 1000 * seconds))
        if end in ready:
            raise ContainerDied(GONE)
        return descriptor in ready

    def hang_up(self) -> None:
        """Close what is left: a container's process that still waits for its turn ends."""
        for end in self.ends.values():
            end.close()


def received(end: MessageSocket) -> tuple[bytes, tuple[int, ...], int]:
    """Whoever dies before it has read what it was sent leaves ECONNRESET to be read (unix(7)). The kernel tells that
    before the last words of the dead, which are there all the same."""
    try:
        return end.receive()
    except ConnectionResetError:
        last = end.receive()
        if not last[0]:  # it had none
            raise
        return last


def last_words(end: MessageSocket) -> StepError | None:
    """The error that the other process has told before it died, if it has: it is there, or never."""
    try:
        message, _descriptors, _sender = received(end)
    except ConnectionResetError:
        return None
    return error_of(message) if message else None


def error_of(message: bytes) -> StepError:
    """The error that the other process tells. Once that is among the container's processes, it may be in their hands,
    and say anything."""
    try:
        return StepError.from_json(quick_json.loads(message))
    except (ValueError, TypeError, RecursionError):
        return StepError(0, 0, "go on with the container's process", "", "it sends what is no message of minirun's")


def is_gone(error: OSError) -> bool:
    return error.errno in (EPIPE, ECONNRESET)


def gone(error: OSError) -> Exception:
    """Nobody holds the other end any more (unix(7))."""
    return ContainerDied(GONE) if is_gone(error) else error
