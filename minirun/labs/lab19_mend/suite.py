#!/usr/bin/env python3
"""Ten small checks of a runtime: what config.json asks for, against what the container has.

    ./suite.py              the minirun beside this file
    ./suite.py bin/good     another one: any program that knows `run --bundle DIR ID`

The container of bundles/look tells what it has, a line for each check; that of bundles/killed ends by a signal.
"""

import os
import sys

# Name, clause of the OCI runtime specification, what has to be found. The last one is no clause, but what engines and
# shells expect.
CHECKS = (
    ("masked", "config-linux.md#masked-paths", "/proc/version has 0 bytes"),
    ("readonly", "config-linux.md#readonly-paths", "/proc/sys is read-only"),
    ("bounding", "config.md#linux-process", "CapBnd: 0000000000000020"),
    ("new_privileges", "config.md#linux-process", "NoNewPrivs: 1"),
    ("hostname", "config.md#hostname", "lab19-suite"),
    ("umask", "config.md#posix-platform-user", "0000"),
    ("full", "config-linux.md#default-devices", "/dev/full is device 1 7"),
    ("ipc", "config-linux.md#namespaces", "an ipc namespace of its own"),
    ("nodev", "config.md#linux-mount-options", "/tmp: rw,nosuid,nodev,noexec,relatime"),
    ("status", "minirun(8), exit status", "137 after SIGKILL"),
)

# What the container of bundles/look runs.
PROBE = """
echo "masked /proc/version has $(wc -c </proc/version) bytes"
if (: >/proc/sys/kernel/domainname) 2>/dev/null; then word=writable; else word=read-only; fi
echo "readonly /proc/sys is $word"
echo "bounding" $(grep CapBnd /proc/self/status)
echo "new_privileges" $(grep NoNewPrivs /proc/self/status)
echo "hostname $(hostname)"
echo "umask $(umask)"
echo "full /dev/full is device $(stat -c '%t %T' /dev/full)"
echo "ipc $(readlink /proc/self/ns/ipc)"
echo "nodev /tmp: $(grep ' /tmp ' /proc/self/mountinfo | cut -d ' ' -f 6)"
"""
TIME_LIMIT = 60.0  # seconds


def try_all(runtime: "list[str]", directory: str) -> "dict[str, str]":
    """What was found, by the names of the checks. One without a name: why there is nothing."""
    status, said = run(runtime, directory, "look")
    found = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    if status != 0 or "ipc" not in found:
        return {"": said.strip() or f"exit status {status}"}
    is_shared = found["ipc"] == os.readlink("/proc/self/ns/ipc")
    found["ipc"] = "the ipc namespace of the machine" if is_shared else "an ipc namespace of its own"
    found["status"] = f"{run(runtime, directory, 'killed')[0]} after SIGKILL"
    return found


def run(runtime: "list[str]", directory: str, name: str) -> "tuple[int, str]":
    """The exit status of a container, and all that was said. The caller's umask is an unusual one, to be told apart."""
    import subprocess

    words = [*runtime, "run", "--bundle", f"{directory}/bundles/{name}", f"lab19-{name}-{os.getpid()}"]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
            umask=0o027,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, done.stdout


def table(found: "dict[str, str]") -> str:
    lines = []
    for name, clause, expected in CHECKS:
        is_right = found.get(name) == expected
        lines.append(f"{'green' if is_right else 'RED':6}{name:16}{clause}")
        if not is_right:
            lines += [f"{'':6}expected  {expected}", f"{'':6}found     {found.get(name, 'nothing')}"]
    if "" in found:
        lines += ["", "The container did not run:", found[""]]
    return "\n".join(lines)


def main() -> int:
    here = os.path.dirname(os.path.abspath(__file__))
    found = try_all(sys.argv[1:] or [f"{here}/bin/minirun"], here)
    print(table(found))
    return 0 if all(found.get(name) == expected for name, _clause, expected in CHECKS) else 1


if __name__ == "__main__":
    sys.exit(main())
