"""The machine as a program: User-mode Linux, a kernel that runs on the host's as its programs do. One processor.

https://docs.kernel.org/virt/uml/user_mode_linux_howto_v2.html
"""

from __future__ import annotations

import os
import random
import tempfile
import time

from host.machine import Machine

# con are terminals, of which the first has the kernel's messages; ssl are serial lines.
KERNEL_WORDS = "root=/dev/ubda rw con=null con0=null,fd:1 ssl=null quiet panic=-1 systemd.show_status=0"


class Uml(Machine):
    packages = {"user-mode-linux": ("linux.uml",)}

    def start(self, *, cold: bool) -> None:
        """Always cold: it can't be saved.

        What it changes on its disk goes to the file cow, which it holds open; its directory can go when it runs.
        """
        lines = [f"ssl{number}=fd:{end.fileno()}" for number, end in enumerate(self.talk.far)]
        with tempfile.TemporaryDirectory(prefix="minirun-vm-", ignore_cleanup_errors=True) as directory:
            where = [f"uml_dir={directory}", "umid=machine", f"ubd0={directory}/cow,{self.image}/root.img"]
            what = [f"mem={self.memory}", *where]
            self.spawn([*on_one_processor(), "linux.uml", *what, *KERNEL_WORDS.split(), *lines], self.talk.far)
            self.wait_for_agent()
        if self.share:
            self.talk.share("hostfs", self.share, time.monotonic() + 60)


def on_one_processor() -> list[str]:
    """Its kernel and its programs take turns, at every system call and page fault, and never run at the same time.

    Where the host wakes the one on another processor than the other's, a turn takes three times as long: to begin with,
    in a virtual machine. taskset(1) on our caller decides which one, else it is left to chance.
    """
    return ["taskset", "--cpu-list", str(random.choice(sorted(os.sched_getaffinity(0))))]
