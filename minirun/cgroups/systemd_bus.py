"""Talk with systemd: over D-Bus, by the library jeepney (org.freedesktop.systemd1(5)).

    with Manager(user=False) as systemd:
        systemd.start("minirun-web.scope", properties)
        systemd.stop("minirun-web.scope")

There are two of it: the system's, which is process 1 and obeys root, and each user's own, which obeys that user. A
method that starts or stops a unit returns when systemd has done so.
"""

from __future__ import annotations

import os
import time

from .systemd import Property
from .systemd_values import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Self

PATIENCE = 30.0  # seconds for a job of systemd's
NAME = "org.freedesktop.systemd1"
MANAGER, SCOPE, PROPERTIES = f"{NAME}.Manager", f"{NAME}.Scope", "org.freedesktop.DBus.Properties"
SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
SYSTEM_MANAGER = "/run/systemd/system"  # there where systemd is process 1: sd_booted(3)

Units = tuple[tuple[str, tuple[Property, ...]], ...]  # what a list of units with their properties is

OTHER_MANAGER = "or leave --systemd-cgroup and --cgroup-manager out, and minirun makes the cgroup itself"
NO_SYSTEMD = f"boot with systemd as process 1, and install dbus; {OTHER_MANAGER}"
NO_USER = (
    "log in so that systemd starts your own instance (pam_systemd(8), loginctl enable-linger), with dbus-user-session"
)
DENIED = "use sudo: only root may ask the system's systemd for a unit"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
CURES = {
    "org.freedesktop.DBus.Error.AccessDenied": DENIED,
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": DENIED,
    "org.freedesktop.DBus.Error.ServiceUnknown": NO_SYSTEMD,
    "org.freedesktop.DBus.Error.NameHasNoOwner": NO_SYSTEMD,
    "org.freedesktop.systemd1.UnitExists": "another id, or another name in /linux/cgroupsPath; or end that "
    "unit: systemctl stop NAME",
}


class SystemdError(Exception):
    """systemd can't be asked, or says no. `name` is the error's name on D-Bus, "" for one that has none."""

    def __init__(self, reason: str, cure: str = "", name: str = "") -> None:
        super().__init__(reason)
        self.reason, self.cure, self.name = reason, cure, name


class Manager:
    """A connection to one of them. Raises SystemdError, as all its methods do."""

    def __init__(self, user: bool = False) -> None:
        self.user = user
        self.bus = connect(user)
        self.release = -1  # its version, once it has been asked for

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.bus.close()

    # ---- questions

    def version(self) -> int:
        """ "252.38-1~deb12u1" -> 252."""
        if self.release < 0:
            text = str(self.property("Version"))
            digits = text[: next((at for at, char in enumerate(text) if not char.isdigit()), len(text))]
            self.release = int(digits or 0)
        return self.release

    def cgroup(self) -> str:
        """The cgroup below which its units have theirs, as a path of the hierarchy; "" for all of it."""
        return str(self.property("ControlGroup")).rstrip("/").removesuffix("/init.scope")

    def property(self, name: str) -> object:
        """One of the manager's own."""
        return self.call(PROPERTIES, "Get", "ss", (MANAGER, name))[0][1]

    def scope_properties(self, unit: str) -> dict[str, tuple[str, Any]]:
        """What a scope has of its own: limits, above all."""
        (path,) = self.call(MANAGER, "GetUnit", "s", (unit,))
        found: dict[str, tuple[str, Any]] = self.call(PROPERTIES, "GetAll", "s", (SCOPE,), path)[0]
        return found

    def cgroup_of(self, unit: str) -> str:
        """The cgroup of a scope, as a path of the hierarchy; "" where it has none, or there is no such unit."""
        try:
            return str(self.scope_properties(unit)["ControlGroup"][1])
        except SystemdError as error:
            if error.name != f"{NAME}.NoSuchUnit":
                raise
            return ""

    # ---- deeds

    def start(self, unit: str, properties: Iterable[Property], others: Units = ()) -> None:
        """Make a unit for now, and start it; `others` come into being with it, if nobody else has made them.

        A unit of this name that has failed is in the way until that is forgotten.
        """
        asked, beside, is_forgotten = self.known(properties), dict(others), False
        while True:
            try:
                aux = [(name, self.known(had)) for name, had in beside.items()]
                return self.start_transient(unit, (unit, "fail", asked, aux))
            except SystemdError as error:
                there = [name for name in beside if name in str(error).split()]
                if error.name != f"{NAME}.UnitExists" or (is_forgotten and not there):
                    raise
            for name in there:
                del beside[name]
            if not there:
                self.forget_failure(unit)
                is_forgotten = True

    def start_transient(self, unit: str, arguments: tuple[object, ...]) -> None:
        try:
            self.do_job("StartTransientUnit", "ssa(sv)a(sa(sv))", arguments, unit)
        except SystemdError as error:
            if not error.name:  # systemd took the job: whatever has become of it must not stay
                self.stop(unit)
            raise

    def change(self, unit: str, properties: Iterable[Property]) -> None:
        """Other properties until the unit ends. systemd writes its files after it has answered, and before it answers
        another question."""
        self.call(MANAGER, "SetUnitProperties", "sba(sv)", (unit, True, self.known(properties)))
        self.property("Version")

    def stop(self, unit: str) -> None:
        """And forget it, if it has failed. No unit of this name is no error."""
        try:
            self.do_job("StopUnit", "ss", (unit, "replace"), unit)
        except SystemdError as error:
            if error.name != f"{NAME}.NoSuchUnit":
                raise
        self.forget_failure(unit)

    def forget_failure(self, unit: str) -> None:
        try:
            self.call(MANAGER, "ResetFailedUnit", "s", (unit,))
        except SystemdError:
            pass  # there is no such unit any more

    def attach(self, unit: str, below: str, pids: Sequence[int]) -> None:
        """Move processes into the unit's cgroup, or into one below it. A user's systemd asks the system's to do it, who
        may write where the user may not."""
        self.call(MANAGER, "AttachProcessesToUnit", "ssau", (unit, below, list(pids)))

    def known(self, properties: Iterable[Property]) -> list[tuple[str, tuple[str, object]]]:
        """Those that this version has, as D-Bus wants them. What an older one doesn't know, it doesn't touch either."""
        version = self.version()
        return [
            (made.name, (made.signature, listed(made.signature, made.value)))
            for made in properties
            if made.since <= version
        ]

    # ---- messages

    def do_job(self, method: str, signature: str, arguments: tuple[object, ...], unit: str) -> None:
        """Call a method that queues a job, and wait for the signal that the job is gone, with its result."""
        from collections import deque

        from jeepney import MatchRule, message_bus
        from jeepney.io.blocking import Proxy

        rule = MatchRule(type="signal", interface=MANAGER, member="JobRemoved")
        with self.bus.filter(rule, queue=deque()) as removed:
            Proxy(message_bus, self.bus, timeout=PATIENCE).AddMatch(rule)
            (job,) = self.call(MANAGER, method, signature, arguments)
            result = self.wait_for(job, removed)
        if result != "done":
            raise SystemdError(
                f"systemd's job for {unit} ended with {result!r}",
                f"journalctl {self.flag()}--unit {unit} has the reason",
            )

    def wait_for(self, job: str, removed: Any) -> str:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                message = self.bus.recv_until_filtered(removed, timeout=max(0, deadline - time.monotonic()))
            except (OSError, TimeoutError) as error:
                raise no_answer(error) from None
            _number, path, _unit, result = message.body
            if path == job:
                return str(result)

    def call(
        self,
        interface: str,
        method: str,
        signature: str,
        arguments: tuple[object, ...],
        path: str = "/org/freedesktop/systemd1",
    ) -> tuple[Any, ...]:
        """The answer's values."""
        from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call

        message = new_method_call(DBusAddress(path, NAME, interface), method, signature, arguments)
        try:
            reply = self.bus.send_and_get_reply(message, timeout=PATIENCE)
        except (OSError, TimeoutError) as error:
            raise no_answer(error) from None
        except (TypeError, ValueError) as error:  # of an annotation: a string that is no object path, or no text
            raise SystemdError(f"D-Bus has no such value: {error}", name=INVALID) from None
        if reply.header.message_type == MessageType.error:
            name = str(reply.header.fields[HeaderFields.error_name])
            text = str(reply.body[0]) if reply.body else name
            raise SystemdError(f"systemd says: {text}", CURES.get(name, ""), name)
        body: tuple[Any, ...] = reply.body
        return body

    def flag(self) -> str:
        return "--user " if self.user else ""


def no_answer(error: Exception) -> SystemdError:
    told = f"within {PATIENCE:g} s" if isinstance(error, TimeoutError) else f"({error})"
    return SystemdError(f"systemd did not answer {told}", "see what it is at: systemctl list-jobs")


# ---- connections


def connect(user: bool) -> Any:
    """A connection to the bus on which the manager is. Importing the library takes 20 ms, which is why it is here."""
    try:
        from jeepney.io.blocking import DBusConnection
    except ImportError:
        raise SystemdError(
            "Python's module jeepney, by which minirun talks with systemd, is not installed",
            f"apt install python3-jeepney, or pip install jeepney; {OTHER_MANAGER}",
        ) from None
    reasons = []
    for address in user_addresses() if user else system_addresses():
        try:
            return DBusConnection(authenticated(address))
        except (OSError, RuntimeError, ValueError) as error:
            reasons.append(f"{address}: {getattr(error, 'strerror', '') or error}")
    whose = "your own systemd" if user else "the system's systemd"
    raise SystemdError(f"can't reach {whose}: {'; '.join(reasons)}", NO_USER if user else NO_SYSTEMD)


def system_addresses() -> list[str]:
    return [os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM_BUS]


def user_addresses() -> list[str]:
    """Where sd_bus_open_user(3) looks, and where the socket is by default: engines hand on few variables."""
    directories = (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{outer_uid()}")
    told = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    return list(
        dict.fromkeys([*([told] if told else []), *(f"unix:path={place}/bus" for place in directories if place)])
    )


def authenticated(address: str) -> Any:
    """A socket on which the bus knows who speaks, from the kernel (SO_PEERCRED, unix(7)).

    The library would say its user id, which in a user namespace is not the one that the bus sees; who says none is
    asked for nothing else (EXTERNAL of https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol).
    """
    import socket

    from jeepney.bus import get_bus

    end = socket.socket(socket.AF_UNIX)
    try:
        end.settimeout(PATIENCE)
        end.connect(get_bus(address))
        for said, wanted in ((b"\0AUTH EXTERNAL\r\n", b"DATA"), (b"DATA\r\n", b"OK ")):
            end.sendall(said)
            answer = end.recv(1024)
            if not answer.startswith(wanted):
                raise ConnectionRefusedError(f"the bus says {answer.decode(errors='replace').strip()!r}")
        end.sendall(b"BEGIN\r\n")
        end.settimeout(None)
    except BaseException:
        end.close()
        raise
    return end


def is_users() -> bool:
    """Whether it is the user's own systemd that makes cgroups for this process.

    The system's obeys the host's root only. In a user namespace everybody may be called root; but there the system's
    directory belongs to nobody.
    """
    try:
        return os.geteuid() != 0 or os.stat(SYSTEM_MANAGER).st_uid != 0
    except OSError:
        return False


def outer_uid() -> int:
    """This user's id outside of the user namespace (user_namespaces(7))."""
    uid = os.geteuid()
    try:
        with open("/proc/self/uid_map") as file:
            for inside, outside, count in (map(int, line.split()) for line in file):
                if inside <= uid < inside + count:
                    return outside + uid - inside
    except (OSError, ValueError):
        pass  # without /proc there is no container anyway
    return uid
