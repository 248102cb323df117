"""`minirun top`: what containers use, on the whole screen, until somebody presses q.

The library is curses: it knows every terminal (terminfo(5)), reads the keys, writes only what has changed, which counts
over a slow line, and puts the terminal back. What is drawn is drawing's and picture's.

Signals are read, not handled, as in a run: so none comes between two halves of drawing, and each has an end at which
the terminal is put back.
"""

from __future__ import annotations

import os
import select
import signal
import time

from .. import operations
from ..errors import MinirunError
from ..kernel import signals
from .page import DOWN, UP, View, page, pressed
from .stats import colours_wanted, drawing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import curses

    from ..runtime.usage import Watch

FIRST = 0.5  # seconds until the second reading, before which there are no rates
WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH)
KEYS = {"KEY_UP": UP, "KEY_DOWN": DOWN}  # curses' names


def top(root: str, names: tuple[str, ...], interval: float) -> int:
    """Until q, or a signal; the exit status. Raises MinirunError where there is no terminal for it."""
    watch = operations.watch(root, names)
    refuse_without_terminal()
    import curses

    before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    arrivals = signals.signalfd(WATCHED)
    try:
        number = curses.wrapper(lambda window: Screen(window, watch, interval, arrivals).show())
    finally:
        os.close(arrivals)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0 if number in (0, signal.SIGINT) else 128 + number


def refuse_without_terminal() -> None:
    """Before curses is asked for its screen: some of its errors end the program without a word of ours."""
    if not (os.isatty(0) and os.isatty(1)):
        raise MinirunError("top needs a terminal\n  cure:  minirun stats prints the same; --interval repeats it")
    try:
        import curses
    except ImportError:  # Python can be built without it
        raise MinirunError("this Python has no module curses\n  cure:  minirun stats --interval 1s") from None
    kind = os.environ.get("TERM", "")
    try:
        curses.setupterm(kind or "unknown", 1)
        able = curses.tigetstr("cup") is not None
    except curses.error:
        able = False
    if not able:
        raise MinirunError(
            f"can't draw on a terminal of the kind {kind!r} ($TERM)\n"
            "  cure:  TERM=xterm, if it is one of the usual windows; or minirun stats --interval 1s"
        )


class Screen:
    """Reads, draws, and waits for the next moment, key or signal."""

    def __init__(self, window: curses.window, watch: Watch, interval: float, arrivals: int) -> None:
        import curses

        self.window, self.watch, self.interval, self.arrivals = window, watch, interval, arrivals
        self.view = View()
        self.drawing = drawing(os.environ)
        self.attributes = attributes(colours_wanted() and curses.has_colors())
        window.nodelay(True)
        if curses.tigetstr("civis"):
            curses.curs_set(0)

    def show(self) -> int:
        """The signal that ended it, 0 for the key q."""
        self.look = self.watch.look()
        following = time.monotonic() + min(FIRST, self.interval)
        while True:
            self.draw()
            number = self.wait(following)
            if number is not None:
                return number
            if time.monotonic() >= following:
                self.look = self.watch.look()
                following = time.monotonic() + self.interval

    def wait(self, until: float) -> int | None:
        """None to go on: it is time, or something else is to be drawn."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self.arrivals, select.POLLIN)
        ready = dict(poll.poll(max(0.0, 1000 * (until - time.monotonic()))))  # milliseconds
        if self.arrivals in ready:
            number = signals.read_signal(self.arrivals)
            if number != signal.SIGWINCH:
                return number
            self.resize()
        if 0 in ready and not ready[0] & select.POLLIN:
            return int(signal.SIGHUP)  # the terminal is gone
        while (key := self.key()) is not None:
            if key in ("q", "Q"):
                return 0
            self.view = pressed(self.view, key, self.look)
        return None

    def key(self) -> str | None:
        import curses

        try:
            key = self.window.get_wch()
        except curses.error:  # none is waiting
            return None
        return key if isinstance(key, str) else KEYS.get(curses.keyname(key).decode(), "")

    def resize(self) -> None:
        import curses

        columns, rows = os.get_terminal_size(1)
        if columns and rows:  # 0 where nobody knows (ioctl_tty(2)), which curses does not take
            curses.resizeterm(rows, columns)

    def draw(self) -> None:
        import curses

        rows, columns = self.window.getmaxyx()
        self.window.erase()
        for row, line in enumerate(page(self.look, self.view, columns, rows, self.drawing, time.strftime("%H:%M:%S"))):
            self.window.move(row, 0)
            for text, style in line:
                try:
                    self.window.addstr(text, self.attributes.get(style, 0))
                except curses.error:
                    pass  # behind the last column of the last row there is no place for the cursor
        self.window.refresh()


def attributes(colours: bool) -> dict[str, int]:
    """What each style looks like; without colours, bold and dim tell as much as they can."""
    import curses

    looks = {"title": curses.A_BOLD, "chosen": curses.A_REVERSE, "faint": curses.A_DIM, "high": curses.A_BOLD}
    looks["full"] = curses.A_BOLD
    if colours:
        curses.use_default_colors()
        for number, (style, colour) in enumerate(COLOURS.items(), start=1):
            curses.init_pair(number, getattr(curses, colour), -1)  # on the terminal's own background
            looks[style] = looks.get(style, 0) | curses.color_pair(number)
    return looks


COLOURS = {
    "full": "COLOR_RED",
    "good bar": "COLOR_GREEN",
    "high bar": "COLOR_YELLOW",
    "full bar": "COLOR_RED",
}
