"""Words in config.json that minirun does not know where it has a list: capabilities, system calls, options of a mount,
the signal of an annotation.

What a run does with them is settled elsewhere: the capability is left out, the rule has no effect, the file system gets
the option, the engine sends the signal. Here is what may be meant. `validate` tells all; `run`, at a terminal, those
that are spelt almost like a word that it knows.
"""

from __future__ import annotations

from ..kernel import libseccomp, signals
from ..kernel.constants import CAPABILITIES, PROPAGATION
from ..kernel.libc import SystemCallError
from ..plan import mount_options
from ..record import Record
from ..spec.reader import escape, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_CALLS = 1024  # numbers: no architecture has as many calls
# Of the file systems that the kernel has for containers: tmpfs(5), proc(5), devpts (mount(8)).
KEYS = ("gid", "hidepid", "huge", "max", "mode", "mpol", "nr_blocks", "nr_inodes", "ptmxmode", "size", "subset", "uid")
NEAR = 0.75  # of difflib's ratio: one letter of four


class Miss(Record):
    """A word that is not known, and the known one that it is most like, "" if like none."""

    pointer: str
    message: str
    close: str
    known_as: str

    @property
    def cure(self) -> str:
        return f"{shown(self.close)}, if that is meant" if self.close else self.known_as


def near_misses(value: object) -> Iterator[Miss]:
    """Of the parsed JSON of a config.json, whatever is wrong with it."""
    for pointer, word in words(value, "/process/capabilities/*/*"):
        yield from miss(pointer, word, CAPABILITIES, "capability", "a name of capabilities(7)")
    yield from unknown_calls(list(words(value, "/linux/seccomp/syscalls/*/names/*")))
    for pointer, word in words(value, "/mounts/*/options/*"):
        known = KEYS if "=" in word else known_options()
        found = miss(pointer, word.partition("=")[0], known, "option that minirun knows", "")
        yield from (one for one in found if one.close)  # the others are the file system's own
    for pointer, word in words(value, "/annotations/org.opencontainers.image.stopSignal"):
        if not word.isdigit() and not word.startswith(("SIGRTM", "RTM")):
            name = word if word.startswith("SIG") else f"SIG{word}"
            yield from miss(pointer, name, tuple(signals.numbers()), "signal", "a name of signal(7)")


def miss(pointer: str, word: str, known: Collection[str], kind: str, known_as: str) -> Iterator[Miss]:
    if word not in known:
        yield Miss(pointer, f"{shown(word)} is no {kind}", nearest(word, known), known_as)


def nearest(word: str, known: Collection[str]) -> str:
    """The one that is almost spelt so. Not where it is all there and something is added, as fchmodat2 and rsize have:
    these are other words, of a newer kernel or of a file system. But nosuidd has only a letter twice."""
    import difflib  # late: it is slow to import, and most files have nothing of the kind

    if word.upper() in known:
        return word.upper()
    close = next(iter(difflib.get_close_matches(word, known, n=1, cutoff=NEAR)), "")
    return "" if close and close in word and word != close + close[-1] else close


def words(value: object, pattern: str) -> Iterator[tuple[str, str]]:
    """The strings at the places of a pattern, in which * is every name or number."""
    found = [("", value)]
    for name in pattern.split("/")[1:]:
        found = [(f"{pointer}/{key}", one) for pointer, holder in found for key, one in below(holder, name)]
    yield from ((pointer, one) for pointer, one in found if isinstance(one, str) and one.isprintable())


def below(holder: object, name: str) -> Iterator[tuple[str, object]]:
    pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
    yield from ((escape(str(key)), one) for key, one in pairs if name in ("*", key))


def known_options() -> tuple[str, ...]:
    """All that has a meaning before a file system sees it, and its most common own."""
    own = (*mount_options.FLAGS, *mount_options.ID_MAPS, *mount_options.SYMLINKS, "tmpcopyup")
    for_all_below = (f"r{word}" for word in (*mount_options.ATTRIBUTES, *PROPAGATION))
    return (*own, *PROPAGATION, *for_all_below, *mount_options.FOR_OTHERS, *KEYS)


# ---- system calls


def unknown_calls(names: list[tuple[str, str]]) -> Iterator[Miss]:
    """Nothing where there is no libseccomp to ask, which a run would tell."""
    try:
        unknown = [pair for pair in names if libseccomp.seccomp_syscall_resolve_name(pair[1]) == libseccomp.UNKNOWN]
        known = names_of_calls() if unknown else ()
    except SystemCallError:
        return
    for pointer, name in unknown:
        yield from miss(pointer, name, known, "system call that libseccomp knows", "a name of syscalls(2)")


def names_of_calls() -> tuple[str, ...]:
    """Those of this machine's architecture."""
    native = libseccomp.seccomp_arch_native()
    found = (libseccomp.seccomp_syscall_resolve_num_arch(native, number) for number in range(MOST_CALLS))
    return tuple(name for name in found if name)
