"""Podman: pods, Kubernetes' files, health checks, units of systemd, and images that are built."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.kit.outside import Process

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.kit.podman import ALL, BOTH, ROOT, ROOT_CGROUPFS, ROOTLESS

if TYPE_CHECKING:
    from engines.kit.podman import Podman

FOREVER = ("sh", "-c", "trap exit TERM; while true; do sleep 0.1; done")

KUBE = """\
apiVersion: v1
kind: Pod
metadata:
  name: played
spec:
  restartPolicy: Never
  containers:
  - name: first
    image: localhost/busybox
    command: [sh, -c, "trap exit TERM; hostname; while true; do sleep 0.1; done"]
    securityContext: {runAsUser: 1000, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    resources: {limits: {memory: 64Mi, cpu: 500m}}
    volumeMounts: [{name: shared, mountPath: /shared}]
  - name: second
    image: localhost/busybox
    command: [sh, -c, "trap exit TERM; while true; do sleep 0.1; done"]
    volumeMounts: [{name: shared, mountPath: /shared}]
  volumes:
  - name: shared
    emptyDir: {}
"""


@on(*ALL)
def test_pod(engine: Podman) -> None:
    """`pod create`, two containers in it, `pod stop`, `pod rm`: shared namespaces"""
    engine("pod", "create", "--name=pod", "--network=none", "--hostname=podhost")
    for name in ("one", "two"):
        engine("run", "-d", "--pod=pod", f"--name={name}", IMAGE, *FOREVER)
    one, two = (Process(engine.pid(name)) for name in ("one", "two"))
    for kind in ("network", "ipc", "uts"):
        assert one.namespace(kind) == two.namespace(kind) != Process().namespace(kind)
    assert one.namespace("pid") != two.namespace("pid")
    assert engine("exec", "two", "hostname").out == "podhost"
    engine("pod", "stop", "--time=10", "pod")
    engine("pod", "rm", "pod")
    assert engine("ps", "-aq").out == ""


@on(ROOT, ROOT_CGROUPFS, ROOTLESS)
def test_play_kube(engine: Podman) -> None:
    """`play kube`: limits, users, read-only root, an emptyDir; `play kube --down`"""
    file = Path("/run/engines-kube.yaml")
    file.write_text(KUBE)
    engine("play", "kube", "--network=none", str(file))
    assert engine("logs", "played-first").out == "played"
    assert (engine.cgroup("played-first") / "memory.max").read_text().strip() == "67108864"
    assert engine("exec", "played-first", "id", "-u").out == "1000"
    engine("exec", "played-second", "touch", "/shared/file")
    assert engine("exec", "played-first", "ls", "/shared").out == "file"
    engine("play", "kube", "--down", str(file))
    assert engine("ps", "-aq").out == ""


@on(*BOTH)
def test_generate_kube(engine: Podman) -> None:
    """`generate kube`"""
    engine.start()
    assert "kind: Pod" in engine("generate", "kube", "one").out


@on(*BOTH)
def test_health_check(engine: Podman) -> None:
    """`healthcheck run`: healthy, and not any more"""
    engine.start("--health-cmd=test -e /tmp/well", "--health-interval=disable", "--health-retries=1")
    engine("healthcheck", "run", "one", status=1)
    engine("exec", "one", "touch", "/tmp/well")
    engine("healthcheck", "run", "one")
    assert engine.inspect("one", ".State.Health.Status") == "healthy"


@on(*BOTH)
def test_health_check_by_itself(engine: Podman) -> None:
    """a health check every second, by a timer of systemd's"""
    engine.start("--health-cmd=echo x >>/tmp/checks", "--health-interval=1s")
    wait_until(lambda: engine("exec", "one", "sh", "-c", "cat /tmp/checks 2>/dev/null | wc -l").out > "1", "checks")
    wait_until(lambda: engine.inspect("one", ".State.Health.Status") == "healthy", "health")


@on(ROOT)
def test_generate_systemd(engine: Podman) -> None:
    """`generate systemd`: the container as a service"""
    unit = Path("/run/systemd/system/engines-one.service")
    engine("create", "--name=one", "--network=none", IMAGE, *FOREVER)
    unit.write_text(engine("generate", "systemd", "--name", "one").out)
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    try:
        subprocess.run(["systemctl", "start", unit.name], check=True)
        assert engine.inspect("one", ".State.Running") == "true"
        subprocess.run(["systemctl", "stop", unit.name], check=True)
        shown = subprocess.run(
            ["systemctl", "show", "-P", "Result", unit.name], stdout=subprocess.PIPE, text=True, check=True
        )
        assert shown.stdout.strip() == "success"
        assert engine.inspect("one", ".State.Running") == "false"
    finally:
        unit.unlink()
        subprocess.run(["systemctl", "daemon-reload"], check=True)


@on(ROOT)
def test_many_at_once(engine: Podman) -> None:
    """eight containers at once"""
    running = [engine.spawn("run", "--rm", "--network=none", IMAGE, "echo", str(number)) for number in range(8)]
    said = [process.communicate(timeout=600) for process in running]
    assert said == [(f"{number}\n", "") for number in range(8)]


# ---- images


def write_recipe(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    lines = [
        f"FROM localhost/{IMAGE}",
        "RUN echo built >/built && id -u >>/built",
        "USER 1000",
        "RUN id -u >/tmp/second",
    ]
    (folder / "Containerfile").write_text("\n".join(lines) + "\n")


@on(*BOTH)
def test_build(engine: Podman) -> None:
    """`build`: RUN"""
    folder = Path("/run/engines-build")
    write_recipe(folder)
    engine("build", "--quiet", "--isolation=oci", "--network=none", "-t", "built", str(folder), limit=60)
    assert engine.output("localhost/built", "cat", "/built", "/tmp/second").split() == ["built", "0", "1000"]
    engine("rmi", "--force", "localhost/built")


@on(ROOT)
def test_buildah(engine: Podman) -> None:
    """`buildah bud --runtime`, `buildah run`"""
    folder = Path("/run/engines-build")
    write_recipe(folder)
    words = ["--isolation=oci", f"--runtime={engine.runtime.path}"]
    bud = ["buildah", "bud", "--quiet", *words, "--network=none", "-t", "built", str(folder)]
    done = engine.run(bud, limit=60)
    assert done.status == 0, done
    name = engine.run(["buildah", "from", "localhost/built"]).out
    done = engine.run(["buildah", "run", *words, name, "cat", "/built"])
    assert (done.status, done.out.split()) == (0, ["built", "0"]), done
    engine.run(["buildah", "rm", name])
    engine("rmi", "--force", "localhost/built")


@on(ROOT)
def test_api(engine: Podman) -> None:
    """Podman's service with Docker's API: `docker run` by its socket"""
    socket = "/run/engines-podman.sock"
    service = engine.spawn("system", "service", "--time=0", f"unix://{socket}")
    try:
        wait_until(lambda: Path(socket).exists(), "the socket")
        docker = ["docker", f"--host=unix://{socket}"]
        done = engine.run([*docker, "run", "--rm", "--network=none", f"localhost/{IMAGE}", "sh", "-c", "echo out"])
        assert (done.status, done.out) == (0, "out"), done
    finally:
        service.terminate()
        engine.hear(service.communicate(timeout=60)[1])
