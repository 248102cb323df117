"""Whether a container has come up against a limit at all; which, and what to tell of it, is in limits_hit.py."""

from __future__ import annotations

from ..kernel import files

# What these files say of a cgroup whose limits were not hit.
NOT_HIT = {"memory.events": "oom_kill 0\n", "pids.events": "max 0\n"}


def was_hit(cgroup: str) -> bool:
    """Few containers come up against a limit, so only two files are looked at for the rest."""
    texts = {name: text_of(f"{cgroup}/{name}") for name in NOT_HIT} if cgroup else {}
    return any(text and NOT_HIT[name] not in text for name, text in texts.items())


def text_of(path: str) -> str:
    """ "" where the controller is not there, or the cgroup is gone: `delete --force` was quicker."""
    try:
        return files.read_file(path)
    except OSError:
        return ""
