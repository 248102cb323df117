"""Sockets that the caller or config.json names: however long their paths are, and whatever there is in their place."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from kernel.kit import needs
from kernel.kit.profiles import NOTIFY, allowing, rule

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "runc takes no long paths, and says less")]

KINDS = ("console", "pidfd", "listener")
SECCOMP = needs.command("grep -q Seccomp /proc/self/status", "this kernel has no seccomp")


@pytest.fixture(params=KINDS)
def container(request, life):
    """A function that creates a container which is to send something to the socket at a path."""
    one = life()
    if request.param == "console":
        one.bundle.process["terminal"] = True
    one.bundle.write()

    def create(path, **more):
        options = ["--bundle", str(one.bundle.path)]
        if request.param == "listener":
            profile = allowing(rule("getsid", action=NOTIFY), listenerPath=os.path.join(more.get("cwd", ""), path))
            one.bundle.linux["seccomp"] = profile
            one.bundle.write()
        else:
            options += [f"--{request.param}-socket", str(path)]
        created = one.line("create", *options, one.id, **more)
        assert created.status == 0 or not Path("/run/minirun", one.id).exists()
        return created

    return create


@pytest.fixture
def deep(place):
    """A directory whose path is longer than an address."""
    directory = place / ("s" * 60) / ("t" * 60)
    directory.mkdir(parents=True)
    return directory


@contextlib.contextmanager
def listening(path, kind=socket.SOCK_STREAM):
    """A socket at the path, and the descriptors that have come are counted."""
    there = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX, kind) as end:
            end.bind(path.name[:90])
            os.rename(path.name[:90], path.name)
            os.chdir(there)
            if kind != socket.SOCK_DGRAM:
                end.listen(1)
            yield end
    finally:
        os.chdir(there)


def received(end):
    end.settimeout(10)
    connection = end.accept()[0]
    with connection:
        _message, descriptors, _flags, _address = socket.recv_fds(connection, 65536, 4)
    for descriptor in descriptors:
        os.close(descriptor)
    return len(descriptors)


@pytest.mark.parametrize("name", ["c", "n" * 200])
def test_a_path_may_be_longer_than_an_address(container, deep, name):
    with listening(deep / name) as end:
        created = container(deep / name)
        assert created.status == 0, created
        assert received(end) == 1


def test_a_path_may_be_relative(container, place):
    with listening(place / "socket") as end:
        assert container("socket", cwd=place).status == 0
        assert received(end) == 1


def test_a_symlink_is_followed(container, place, deep):
    (place / "link").symlink_to(deep / "socket")
    with listening(deep / "socket") as end:
        assert container(place / "link").status == 0
        assert received(end) == 1


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("file", "ENOTSOCK"),
        ("directory", "ENOTSOCK"),
        ("fifo", "ENOTSOCK"),
        ("device", "ENOTSOCK"),
        ("nothing", "ENOENT"),
        ("below a file", "ENOTDIR"),
        ("circle", "ELOOP"),
        ("nobody", "ECONNREFUSED"),
        ("datagrams", "EPROTOTYPE"),
        ("packets", "EPROTOTYPE"),
    ],
)
def test_what_is_no_such_socket_is_told_with_its_reason(container, place, kind, told):
    path = place / "socket"
    with contextlib.ExitStack() as ends:
        if kind == "file":
            path.touch()
        elif kind == "directory":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "device":
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        elif kind == "below a file":
            (place / "file").touch()
            path = place / "file/socket"
        elif kind == "circle":
            path.symlink_to("socket")
        elif kind == "nobody":
            os.mknod(path, stat.S_IFSOCK | 0o600)
        elif kind in ("datagrams", "packets"):
            ends.enter_context(listening(path, socket.SOCK_DGRAM if kind == "datagrams" else socket.SOCK_SEQPACKET))
        result = container(path)
    assert result.status == 1 and told in result.stderr and "cure:" in result.stderr, result
    assert "success" not in result.stderr and "None" not in result.stderr, result


def test_who_never_takes_a_connection_keeps_nobody_waiting_for_ever(runtime, bundle, place):
    made = bundle()
    path = place / "socket"
    with listening(path) as end, contextlib.ExitStack() as others:
        end.listen(0)
        others.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        result = runtime.run(made, options=["--pidfd-socket", str(path)])
    assert result.refused and "EAGAIN" in result.stderr and "queue is full" in result.stderr, result


def test_a_terminal_lasts_for_the_set_up_though_its_receiver_drops_it(life, place):
    one = life("exit", "7")
    one.bundle.process["terminal"] = True
    one.bundle.write()
    with listening(place / "socket") as end:
        options = ["--detach", "--bundle", str(one.bundle.path), "--console-socket", str(place / "socket")]
        command = [*one.runtime.argv, "run", *options, one.id]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, env=one.runtime.environment) as created:
            end.settimeout(10)
            with end.accept()[0] as connection:
                connection.recv(9)  # without a place for descriptors
    assert created.returncode == 0


@pytest.mark.parametrize("name", ["n", "n" * 200, "@" + "a" * 90])
def test_news_go_to_a_socket_with_any_path(runtime, bundle, deep, name):
    address = name if name.startswith("@") else deep / name
    with contextlib.ExitStack() as ends:
        if name.startswith("@"):
            end = ends.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            end.bind("\0" + name[1:])
        else:
            end = ends.enter_context(listening(address, socket.SOCK_DGRAM))
        result = runtime.run(bundle("notify", "READY=1", "exit"), environment={"NOTIFY_SOCKET": str(address)})
        end.settimeout(10)
        assert b"READY=1" in end.recv(4096), result


@pytest.mark.parametrize("kind", ["file", "nothing", "stream", "@" + "a" * 200])
def test_where_no_news_can_be_sent_the_reason_is_told(runtime, bundle, place, kind):
    path = place / "socket"
    with contextlib.ExitStack() as ends:
        if kind == "file":
            path.touch()
        elif kind == "stream":
            ends.enter_context(listening(path))
        address = kind if kind.startswith("@") else str(path)
        result = runtime.run(bundle("notify", "READY=1", "exit"), environment={"NOTIFY_SOCKET": address})
    assert result.status == 0 and "nobody hears" in result.stderr, result
    told = {"file": "ENOTSOCK", "nothing": "ENOENT", "stream": "EPROTOTYPE"}.get(kind, "ENAMETOOLONG")
    assert told in result.stderr, result
