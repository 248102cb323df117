"""Faults: whatever goes wrong at whatever moment, minirun says what, and nothing stays on the host.

world.py          a corner of the host that nobody else looks at: mounts, /run, network and orphans of its own
process.py        a command of minirun as a process that can be held still, killed and waited for
bundle.py         what the containers are
commands.py       the table of commands: what comes before each, and how it looks when it is done
kill.py           faults: SIGKILL for the runtime, the container's process or both, before each step, at any moment
refuse.py         faults: one system call refused, by strace
surroundings.py   faults: disks, memory, descriptors, streams
judge.py          what has to be so after each
known.py          what is known to be otherwise, and why
run               all of this by one command
"""
