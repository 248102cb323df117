"""The container's news on their way to the service manager (sd_notify(3)), such as systemd for a unit of Type=notify.

In the foreground minirun is the service's main process, and passes on whatever comes until the end. Detached, it is the
main process until the container is ready: it waits for READY=1, hands its part over to the container's process
(MAINPID), and ends. Nobody listens to that container afterwards: it is the service itself.
"""

from __future__ import annotations

import os
import select

from ..errors import reason
from ..kernel import signals
from ..kernel.sockets import MessageSocket
from ..safe import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context
    from .log import Log
    from .own_signals import Signals

# What tells of the container. The rest would be taken for minirun's own: pids, which are others on the host, requests
# to keep descriptors, and rights of others to send news.
PASSED_ON = (
    b"READY",
    b"RELOADING",
    b"STOPPING",
    b"MONOTONIC_USEC",
    b"STATUS",
    b"ERRNO",
    b"BUSERROR",
    b"WATCHDOG",
    b"EXTEND_TIMEOUT_USEC",
)
AT_ONCE = 16  # messages, so that a container which does not stop talking is not all that minirun hears
PATIENCE = 5.0  # seconds for an answer of the service manager, as sd_notify_barrier(3) is mostly called with


class News:
    """From the container's socket to the service manager's."""

    def __init__(self, inside: MessageSocket, outside: MessageSocket, main_pid: int) -> None:
        self.inside, self.outside, self.main_pid = inside, outside, main_pid

    def fileno(self) -> int:
        return self.inside.fileno()

    def pass_on(self) -> bool:
        """Pass on what has come; whether the container is ready by that."""
        is_ready = False
        for _message in range(AT_ONCE):
            try:
                message, descriptors, _sender = self.inside.receive()
            except BlockingIOError:
                break
            try:
                is_ready = self.pass_message(message, descriptors) or is_ready
            except OSError:
                pass  # the service manager is gone, or does not listen: the container goes on without it
            for descriptor in descriptors:
                os.close(descriptor)
        return is_ready

    def pass_message(self, message: bytes, descriptors: tuple[int, ...]) -> bool:
        """A barrier goes with its descriptor: the service manager closes it when it has read all that came before."""
        if message.strip() == b"BARRIER=1" and len(descriptors) == 1:
            self.outside.send(b"BARRIER=1", descriptors)
            return False
        lines = [line for line in message.split(b"\n") if line.partition(b"=")[0] in PASSED_ON]
        is_ready = b"READY=1" in lines
        if is_ready:
            lines.append(b"MAINPID=%d" % self.main_pid)
        if lines:
            self.outside.send(b"\n".join(lines))
        return is_ready

    def wait_until_read(self) -> None:
        """Only while the sender lives can the service manager tell whose news it reads. Its answer is that the pipe is
        closed (sd_notify_barrier(3))."""
        reading, writing = os.pipe()
        try:
            self.outside.send(b"BARRIER=1", (writing,))
        except OSError:
            pass  # closed here, the pipe does not keep anybody waiting
        os.close(writing)
        poll = select.poll()
        poll.register(reading, 0)  # POLLHUP is told in any case
        poll.poll(PATIENCE * 1000)
        os.close(reading)


def news_of(context: Context, host: str, main_pid: int, log: Log) -> News | None:
    """What passes the news on; None where the container has no socket for them, or nobody wants to know."""
    if context.notify_socket is None or not host:
        return None
    try:
        return News(context.notify_socket, MessageSocket.to_datagrams(host), main_pid)
    except OSError as error:
        log.warning(f"nobody hears that the container is ready: NOTIFY_SOCKET is {safe(host)}: {reason(error)}")
        return None


def wait_until_ready(news: News, process: int, own: Signals) -> int:
    """Until the container is ready or at its end, or a signal ends the waiting; the exit status. The container goes on
    in any case. `process` is a pidfd."""
    poll = select.poll()
    for descriptor in (news.fileno(), process, own.descriptor):
        poll.register(descriptor, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if news.fileno() in ready and news.pass_on():
            news.wait_until_read()
            return 0
        if process in ready:
            return 0
        if own.descriptor in ready and (number := signals.read_signal(own.descriptor)) in signals.ENDING:
            return 128 + number
