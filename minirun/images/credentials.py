"""Who the caller is to a registry: what `podman login`, `skopeo login` and `docker login` have noted
(containers-auth.json(5)).

Nobody looks before a registry asks. A user's password is in no message, and no object here shows it.
"""

from __future__ import annotations

import base64
import os
from errno import ENOENT, ENOTDIR

from ..errors import reason
from ..kernel import files
from ..safe import safe
from .credential_helpers import ask_helper
from .descriptors import document, optional
from .errors import ImageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MOST_BYTES = 4 << 20
HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")  # one registry, by all its names
TO_LOG_IN = "podman login, skopeo login or docker login"


class Login:
    """`header` is what HTTP's Authorization says of user and password (RFC 7617); `file` is where they were noted."""

    def __init__(self, user: str, password: str, file: str) -> None:
        self.header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.file = file


def places() -> tuple[str, ...]:
    """The files, the one that counts most first."""
    told = os.environ
    if named := told.get("REGISTRY_AUTH_FILE"):
        return (named,)
    home = os.path.expanduser("~")
    runtime = told.get("XDG_RUNTIME_DIR")
    return (
        f"{runtime}/containers/auth.json" if runtime else f"/run/containers/{os.geteuid()}/auth.json",
        f"{told.get('XDG_CONFIG_HOME') or f'{home}/.config'}/containers/auth.json",
        f"{told.get('DOCKER_CONFIG') or f'{home}/.docker'}/config.json",
    )


def login_for(host: str, name: str) -> Login | None:
    """For the image of this name there. Raises ImageError where a file has one that can't be used."""
    for path in places():
        told = read(path)
        auths = {plain_key(key): value for key, value in optional(told, "auths", dict, path).items()}
        for key in keys(host, name):
            if found := noted(auths.get(key), key, path) or by_helper(told, key, path):
                return found
    return None


def read(path: str) -> dict[str, Any]:
    """{} where there is no such file. People have symlinks there, to where they keep such files."""
    try:
        return document(files.read_regular(os.path.realpath(path), MOST_BYTES), path)
    except OSError as error:
        if error.errno in (ENOENT, ENOTDIR):
            return {}
        raise ImageError(
            f"can't read {path!r}, where logins are noted: {reason(error)}\n"
            f"  cure:  {TO_LOG_IN} make one of your own; REGISTRY_AUTH_FILE names another"
        ) from None


def plain_key(key: str) -> str:
    """Docker has also URLs: https://index.docker.io/v1/ is Docker Hub."""
    _, is_url, rest = key.rpartition("://")
    return canonical(rest.partition("/")[0] if is_url else rest.rstrip("/"))


def canonical(key: str) -> str:
    host, slash, path = key.partition("/")
    return (HUB[0] if host in HUB else host) + slash + path


def keys(host: str, name: str) -> Iterator[str]:
    """A part of a registry may have a login of its own: HOST/NAME/SPACE, then HOST/NAME, then HOST."""
    key = canonical(f"{host}/{name}")
    while key:
        yield key
        key = key.rpartition("/")[0]


def noted(entry: object, key: str, path: str) -> Login | None:
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        raise ImageError(
            f"{path!r} has a token for {safe(key)}, which minirun can't use\n"
            "  cure:  log in with a user and a password; or let skopeo copy docker://… oci:DIR fetch the image"
        )
    text = entry.get("auth")
    return login_of(text, key, path) if isinstance(text, str) and text else None


def login_of(text: str, key: str, path: str) -> Login:
    """base64 of USER:PASSWORD; Docker fills it up with NULs."""
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().rstrip("\0").partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise ImageError(f"{path!r} has a login for {safe(key)} that can't be read\n  cure:  log in anew: {TO_LOG_IN}")
    return Login(user, password, path)


def by_helper(told: dict[str, Any], key: str, path: str) -> Login | None:
    """A program that keeps the login elsewhere, such as a keyring; of the whole registry only."""
    helper = {canonical(name): one for name, one in optional(told, "credHelpers", dict, path).items()}.get(key)
    if helper is None and "/" not in key:
        helper = told.get("credsStore")
    if not isinstance(helper, str) or not helper:
        return None
    found = ask_helper(helper, "https://index.docker.io/v1/" if key == HUB[0] else key, path)
    return Login(*found, file=path) if found else None
