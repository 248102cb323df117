"""What minirun knows of an engine: where it reads about runtimes, in which words, and who has to be told of it."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "minirun"  # of the runtime, for people: docker run --runtime minirun


class Wish(Record):
    """What an engine is to be told."""

    launcher: str  # an absolute path
    default: bool = False  # that it runs every container which names no other runtime
    home: str = ""  # ~/.config of a user who has engines of his own; "" for the system's
    root: str = ""  # before each path: a test's own directory


class Engine(Record):
    """The functions that are another one's for each engine. Each raises StateError.

    `put_in` and `take_out` go from the file's text to another; None is a file that is not there. To take out what was
    put in gives the first text again, to the byte.
    """

    file: Callable[[Wish], str]
    lines: Callable[[str, Wish], str]
    put_in: Callable[[str | None, Wish], str]
    take_out: Callable[[str], str | None]
    afterwards: Callable[[Wish], str]


def runtime_class(name: str = NAME) -> str:
    """What a cluster has to know: https://kubernetes.io/docs/concepts/containers/runtime-class/"""
    return f"""\
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata:
  name: {name}
handler: {name}
"""


def indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
