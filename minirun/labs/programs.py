"""Other programs, asked for what only they know."""

from __future__ import annotations


def said(*words: str) -> str:
    """What a program prints; "" where there is none of that name, or it fails. What it complains of is not shown."""
    import subprocess

    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace", check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout
