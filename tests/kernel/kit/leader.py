"""The shell's part at a terminal: leads the session, runs one command, and stays until it is told to go.

    python leader.py TERMINAL REPORT HOLD COMMAND...

TERMINAL, REPORT and HOLD are open file descriptors. The command's pid and later its status go to REPORT, a line each;
the end of HOLD is the sign to go. When a session's leader goes, the kernel hangs the terminal up and resets its
settings, so whether the command put them back can only be seen while a leader stays.
"""

import fcntl
import os
import signal
import subprocess
import sys
import termios


def main() -> None:
    terminal, report, hold = map(int, sys.argv[1:4])
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    command = subprocess.Popen(
        sys.argv[4:],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=lambda: come_to_the_foreground(terminal),
    )
    os.write(report, b"%d\n" % command.pid)
    os.write(report, b"%d\n" % command.wait())
    os.read(hold, 1)


def come_to_the_foreground(terminal: int) -> None:
    """As a job of a shell with job control; whoever asks for it from the background is stopped (tcsetpgrp(3))."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(terminal, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


if __name__ == "__main__":
    main()
