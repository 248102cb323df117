"""Docker: images that are built, and several containers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kernel.kit.runtime import REPOSITORY

from engines.kit.engine import wait_until
from engines.kit.engines import on
from engines.kit.image import IMAGE
from engines.kit.sides import MINIRUN, runtime_of
from engines.test_docker import CGROUPFS, DEFAULT, SERVE

if TYPE_CHECKING:
    from pathlib import Path

    from engines.kit.docker import Docker

RECIPE = f"""\
FROM {IMAGE}
RUN echo built >/built
ENV A=B
WORKDIR /w
COPY file .
USER 1000
RUN test "$(id -u) $(cat file) $A $(pwd)" = "1000 copied B /w"
CMD ["cat", "/built"]
"""
COMPOSITION = f"""\
version: "2.4"
services:
  web:
    image: {IMAGE}
    command: sh -c '{SERVE}'
    mem_limit: 33554432
  client:
    image: {IMAGE}
    command: sh -c 'until wget -qO- http://web/; do sleep .2; done; exec sleep 1000'
    depends_on: [web]
"""


def build(engine: Docker, directory: Path, recipe: str, *, kit: bool, status: int = 0) -> str:
    (directory / "Dockerfile").write_text(recipe)
    (directory / "file").write_text("copied")
    words = ["env", f"DOCKER_BUILDKIT={int(kit)}", *engine.client(), "build", "--no-cache", "--tag=built"]
    done = engine.run([*words, str(directory)], limit=120)
    assert done.status == status, done.err
    engine.said.clear()  # progress goes to standard error
    return done.out + done.err


@pytest.mark.parametrize("kit", [False, True], ids=["classic", "BuildKit"])
@on(DEFAULT, CGROUPFS)
def test_build(engine: Docker, kit: bool, tmp_path: Path) -> None:
    """`build` by the classic builder and by BuildKit, which takes the first `runc` of $PATH"""
    build(engine, tmp_path, RECIPE, kit=kit)
    assert engine.start("--rm", "built").out == "built"


@pytest.mark.parametrize("kit", [False, True], ids=["classic", "BuildKit"])
@on(DEFAULT)
def test_build_fails(engine: Docker, kit: bool, tmp_path: Path) -> None:
    """A step of a `build` that fails is told with its exit code, or as not found"""
    said = build(engine, tmp_path, f"FROM {IMAGE}\nRUN exit 3\n", kit=kit, status=1 if kit else 3)
    assert "exit code: 3" in said or "non-zero code: 3" in said
    said = build(engine, tmp_path, f'FROM {IMAGE}\nRUN ["/missing"]\n', kit=kit, status=1)
    assert "no such file or directory" in said


@on(DEFAULT)
def test_compose(engine: Docker, tmp_path: Path) -> None:
    """`docker-compose`: up, exec, scale, stop, start, down"""
    file = tmp_path / "docker-compose.yml"
    file.write_text(COMPOSITION)

    def compose(*words: str, status: int = 0) -> str:
        argv = [*engine.network, "docker-compose", f"--file={file}", "--project-name=both", *words]
        done = engine.run(argv, limit=120)
        assert done.status == status, done.err
        engine.said.clear()  # progress goes to standard error
        return done.out

    compose("up", "--detach")
    wait_until(lambda: "page" in compose("logs", "client"), "the page")
    assert compose("exec", "-T", "web", "cat", "/sys/fs/cgroup/memory.max") == "33554432"
    compose("exec", "-T", "web", "sh", "-c", "exit 4", status=4)
    compose("up", "--detach", "--scale=web=2", "--timeout=1")
    assert len(compose("ps", "--quiet", "web").split()) == 2
    compose("stop", "--timeout=1")
    compose("start")
    assert len(engine("ps", "--quiet").out.split()) == 3
    compose("down", "--timeout=1")
    assert not engine("ps", "--all", "--quiet").out


@on(DEFAULT, quick=(DEFAULT,), quick_sides=(MINIRUN,))
def test_example(engine: Docker) -> None:
    """`examples/compose`: an image of `buildah`, health, limits, names, a published port; nothing stays"""
    variables = [f"RUNTIME={engine.side}", f"MINIRUN={runtime_of(MINIRUN, 'runc').path}", "PORT=8080"]
    before = engine("images", "--quiet").out
    done = engine.run([*engine.network, "env", *variables, str(REPOSITORY / "examples/compose/run")], limit=180)
    assert done.status == 0, done.out + done.err
    engine.said.clear()  # progress goes to standard error
    assert f"'web_memory_limit_bytes': '{64 << 20}'" in done.out
    assert "minirun-example_watch_1 exited with code 0" in done.out
    assert not engine("ps", "--all", "--quiet").out
    assert engine("images", "--quiet").out == before, done.out + done.err
