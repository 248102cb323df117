"""Programs that keep logins: docker-credential-NAME, which is asked by a line on its standard input and answers in JSON
(docker-credential-helpers, "Development")."""

from __future__ import annotations

from ..safe import safe
from .descriptors import document, member
from .errors import ImageError

PATIENCE = 60  # seconds: it may ask the user to unlock a keyring
OF_NAMES = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
NOT_FOUND = "credentials not found"


def ask_helper(name: str, server: str, path: str) -> tuple[str, str] | None:
    """User and password; None where it has none. Raises ImageError."""
    import subprocess

    program = f"docker-credential-{name}"
    if not OF_NAMES.issuperset(name):
        raise ImageError(f"{path!r} names {safe(name)!r} as the program that keeps logins, which is no program's name")
    try:
        done = subprocess.run([program, "get"], input=server.encode(), capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = "it does not answer" if isinstance(error, subprocess.TimeoutExpired) else str(error.strerror).lower()
        raise failed(program, path, why) from None
    if done.returncode:
        if NOT_FOUND in done.stdout.decode(errors="replace"):
            return None
        raise failed(program, path, f"it ends with status {done.returncode}")
    told = document(done.stdout, f"the answer of {program}")
    user, password = (member(told, key, str, f"the answer of {program}") for key in ("Username", "Secret"))
    if user == "<token>":
        raise failed(program, path, "it has a token, which minirun can't use")
    return user, password


def failed(program: str, path: str, why: str) -> ImageError:
    return ImageError(
        f"{program}, which {path!r} names, has no login for minirun: {why}\n"
        "  cure:  let skopeo copy docker://… oci:DIR fetch the image; or REGISTRY_AUTH_FILE names another file"
    )
