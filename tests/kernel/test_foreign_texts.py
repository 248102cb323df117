"""What an image, a config.json or a hook has made up reaches no terminal as it is: of a run as root, with all that it
can be asked to tell. tests/unit/test_safe.py has the texts that take no container."""

from __future__ import annotations

import json
import subprocess

import pytest

from kernel.kit.runtime import new_id

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "its own words")]

FORGED = "  cure:  evil"
HOSTILE = f"a\x1b]0;title\x07\x9b31m\x7f\r\n{FORGED}\u202e\u2066ä"
SHOUT = "printf '\\033]0;title\\007\\n  cure:  evil\\233'; exit 3"

RUINS = {
    "args": lambda c: c["process"].update(args=[f"/{HOSTILE}"]),
    "cwd": lambda c: c["process"].update(cwd=HOSTILE),
    "mount": lambda c: c["mounts"].append({"destination": f"/{HOSTILE}", "source": f"/{HOSTILE}", "options": ["bind"]}),
    "type": lambda c: c["mounts"].append({"destination": f"/{HOSTILE}", "source": HOSTILE, "type": HOSTILE}),
    "root": lambda c: c["root"].update(path=f"/{HOSTILE}"),
    "namespace": lambda c: c["linux"]["namespaces"].append({"type": "cgroup", "path": f"/{HOSTILE}"}),
    "hook": lambda c: c.update(hooks={"prestart": [{"path": "/bin/sh", "args": ["sh", "-c", SHOUT]}]}),
    "hook's path": lambda c: c.update(hooks={"createRuntime": [{"path": f"/{HOSTILE}"}]}),
    "hook at the end": lambda c: c.update(hooks={"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", SHOUT]}]}),
    "capability": lambda c: c["process"].update(capabilities={"bounding": [f"CAP_{HOSTILE}"]}),
}


def is_safe(text):
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and not any(line.startswith(FORGED) for line in lines)


def told(runtime, bundle, before=(), after=(), **variables):
    command = [*runtime.argv, *before, "run", *after, "--bundle", str(bundle.path), new_id()]
    environment = runtime.environment | {"LC_ALL": "C", **variables}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=60)
    return (done.stderr + done.stdout).decode()


@pytest.mark.parametrize("ruin", RUINS)
def test_no_run_moves_the_cursor(runtime, bundle, place, ruin):
    made = bundle("say", "", "")
    RUINS[ruin](made.config)
    made.write()
    for words in (
        ([], []),
        (["--debug"], []),
        (["--log", str(place / "log")], []),
        (["--log", str(place / "json"), "--log-format", "json"], []),
        ([], ["--narrate"]),
        ([], ["--narrate=full"]),
    ):
        said = told(runtime, made, *words)
        assert said and is_safe(said), words
    assert is_safe((place / "log").read_text())
    for line in (place / "json").read_text().splitlines() if (place / "json").exists() else ():
        assert is_safe(json.loads(line)["msg"])


def test_a_path_of_bytes_is_listed(runtime, bundle, place):
    """One that is no UTF-8, and that Python has half a surrogate pair for."""
    made = bundle("sleep")
    made.write()
    strange = place / "b\udc9b\x1b[31m\n  cure:  evil"
    strange.symlink_to(made.path)
    made.path = strange
    with runtime.running(made) as container:
        for words in (
            ["list"],
            ["ps", "--format", "json", container.container_id],
            ["state", container.container_id],
            ["list", "-f", "json"],
        ):
            done = subprocess.run([*runtime.argv, *words], capture_output=True, env={"LC_ALL": "C", "PATH": "/bin"})
            assert done.returncode == 0 and is_safe(done.stdout.decode()), done
            if "json" in words or "state" in words:
                assert json.loads(done.stdout)
