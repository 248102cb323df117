"""kernel/programs.py: what a helper such as newuidmap(1) finds."""

from __future__ import annotations

import signal

from minirun.kernel import programs

OF_GLIBC = 0x180000000  # its own two, which its posix_spawn(3) has every program ignore that does not handle them
SHOW = "grep -E 'Sig(Blk|Ign)' /proc/self/status >&2; exit 3"


def test_a_helper_has_no_signal_blocked_or_ignored() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        status, told = programs.run_program("/bin/sh", ("-c", f"PATH=/usr/bin:/bin; {SHOW}"))
    finally:
        signal.signal(signal.SIGHUP, hang_up)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    blocked, ignored = (int(word, 16) for word in told.split()[1::2])
    assert (status, blocked, ignored & ~OF_GLIBC) == (3, 0, 0)
