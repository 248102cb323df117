"""Numbers and books that are another's by now: reused pids, ids that are paths, books that a user has written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.escapes.kit import HERE, swapping, without
from kernel.kit import needs
from kernel.kit.life import Life
from kernel.kit.outside import Process
from kernel.kit.runtime import TIMEOUT, new_id
from kernel.kit.users import UID

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.escapes.kit import Attacked
    from kernel.kit.bundle import Bundle

pytestmark = [pytest.mark.root, pytest.mark.only("minirun", "it is weakened for the proof")]

# ---- a number that another process has by now

COMMANDS = {
    "kill": ("kill", "ID", "TERM"),
    "end": ("kill", "ID", "KILL"),  # which looks whether others would outlive it
    "delete": ("delete", "--force", "ID"),
    "exec": ("exec", "ID", "PROGRAM", "attack", "made=create:MADE"),
}


@needs.path("/proc/sys/kernel/ns_last_pid")
@without("pids-are-believed")
@pytest.mark.parametrize("command", COMMANDS)
def test_another_process_of_the_same_number_is_left_alone(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, command: str
) -> None:
    """The container has ended, nobody has told minirun, and its number is given to another process of the host."""
    assert spoiled(attacked, bundle("sleep"), place, command) == attacked.is_weak


@needs.path("/proc/sys/kernel/ns_last_pid")
@pytest.mark.parametrize(
    ("attacked", "command"),
    [
        ("reused-after-the-look", "kill"),
        ("reused-after-the-look", "end"),
        ("signal-by-number+reused-after-the-look", "kill"),
        ("reused-after-the-look", "delete"),
        ("reused-after-the-look", "exec"),
        ("pids-are-believed+reused-after-the-look", "exec"),
    ],
    indirect=["attacked"],
)
def test_so_is_one_that_gets_it_between_look_and_deed(
    attacked: Attacked, bundle: Callable[..., Bundle], place: Path, command: str
) -> None:
    """minirun has looked at the process, it is the container's; and then it ends."""
    assert spoiled(attacked, bundle("sleep"), place, command) == ("+" in attacked.weakening)


def spoiled(attacked: Attacked, made: Bundle, place: Path, command: str) -> bool:
    """Whether something was done to the other process: it was killed, or a program ran in its namespaces, where files
    of the host are."""
    made.write()
    name = new_id()
    put_in = {"ID": name, "PROGRAM": str(made.rootfs / "probe"), "made=create:MADE": f"made=create:{place}/made"}
    words = [put_in.get(word, word) for word in COMMANDS[command]]
    reuse = [sys.executable, str(HERE / "reuse.py"), " ".join(attacked.argv), str(made.path), name, str(place / "ask")]
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *reuse, *words],
        env=attacked.environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    lives = json.loads(done.stdout.splitlines()[-1])["lives"]
    return not lives or (place / "made").exists()


# ---- an id that is a path


@without("any-id")
@pytest.mark.parametrize("command", [("kill", "ID", "KILL"), ("delete", "--force", "ID")], ids=lambda words: words[0])
def test_an_id_leads_nowhere(
    attacked: Attacked, lives: Callable[..., Life], place: Path, command: tuple[str, ...]
) -> None:
    """Whoever may choose an id could choose the container of another state directory, or any directory."""
    one = in_books(lives(), place / "others").started()
    pid, name = one.process.pid, f"../others/{one.id}"
    words = [word if word != "ID" else name for word in command]
    (place / "own").mkdir()
    own_up_to(place / "others" / one.id, name)
    subprocess.run([*attacked.argv[:-2], "--root", str(place / "own"), *words], env=attacked.environment, check=False)
    own_up_to(place / "others" / one.id, one.id)
    if attacked.is_weak:
        one.wait_for(lambda: ended(pid))  # which takes a moment
    else:
        assert not ended(pid)


def own_up_to(books: Path, name: str) -> None:
    """Books name their own id, and whoever writes some writes that."""
    if (state := books / "state.json").exists():
        state.write_text(json.dumps({**json.loads(state.read_text()), "id": name}))


def in_books(one: Life, root: Path) -> Life:
    """The container with all of its commands in another state directory."""
    one.runtime.argv = [*one.runtime.argv, "--root", str(root)]
    return one


def ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or Process(pid).status()["State"].startswith("Z")


# ---- books that another user has written


WHAT_BOOKS_SAY = {
    "delete": ("delete", "--force", "ID"),  # a poststop hook, which runs as whoever deletes
    "kill": ("kill", "ID", "KILL"),  # a pid
    "exec": ("exec", "ID", "/probe", "write", "/mnt/made", ""),  # a pid, for its namespaces
}


@without("books-of-anybody")
@pytest.mark.parametrize("command", WHAT_BOOKS_SAY)
def test_root_does_nothing_that_a_users_books_say(
    attacked: Attacked, lives: Callable[..., Life], place: Path, command: str
) -> None:
    """Root looks after a container of a user's, who has written the books: `sudo minirun --root DIRECTORY`."""
    one = in_books(lives(), place / "books")
    one.bundle.bind(place, "/mnt")
    one.bundle.config["hooks"] = {"poststop": [{"path": shutil.which("touch"), "args": ["touch", f"{place}/made"]}]}
    one.bundle.write()
    one.started()
    pid = one.process.pid
    give_to_user(place / "books")
    one.line(*(word if word != "ID" else one.id for word in WHAT_BOOKS_SAY[command]))
    give_to_user(place / "books", 0)
    if attacked.is_weak:
        one.wait_for(lambda: (place / "made").exists() or ended(pid))
    else:
        assert not (place / "made").exists() and not ended(pid)


def give_to_user(books: Path, uid: int = UID) -> None:
    for path in (books, *books.rglob("*")) if books.exists() else ():
        os.chown(path, uid, uid, follow_symlinks=False)


@without("books-of-anybody")
def test_nor_when_the_user_exchanges_them_for_roots(
    attacked: Attacked, lives: Callable[..., Life], place: Path
) -> None:
    """The directory of the books is the user's, and so are the names in it: books of root's that happen to lie there
    come in the place of the user's while root looks whose they are."""
    one = in_books(lives(), place / "books").started()
    pid, users = one.process.pid, place / "books" / one.id
    roots = place / "books" / "roots"
    shutil.copytree(users, roots, ignore=shutil.ignore_patterns("start"))
    state = json.loads((roots / "state.json").read_text())
    (roots / "state.json").write_text(json.dumps({**state, "pidStartTime": 1}))  # a process that has ended
    give_to_user(place / "books")
    give_to_user(roots, 0)

    def attempt() -> bool:
        one.kill("KILL")
        return ended(pid)

    with swapping(users, roots):
        spoilt = attacked.race(attempt)
    give_to_user(place / "books", 0)
    assert spoilt == attacked.is_weak
