"""What a later command makes of a container's books: the part of the plan that it needs, since the same config.json and
the same options make the same list; and what the steps before have left for it."""

from __future__ import annotations

import os

from ..errors import MinirunError, reason
from ..kernel import files
from ..plan.options import Options, made
from ..spec.load import decode, parse
from ..steps.layout import CONFIG
from ..steps.step import Context
from .directory import damaged, trusted_owner
from .facts import KINDS, what_is_wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.options import Part
    from ..steps.step import Channel, Step
    from .books import Container
    from .log import Log


def options_of(container: Container) -> Options:
    """The options of the command line that made it. Raises StateError.

    They name the state directory as it was called then; where it lies now, the books have just been read.
    """
    options = container.facts["options"]
    kinds = Options.__annotations__
    wrong = what_is_wrong(options, {name: KINDS[kinds[name]] for name in options if name in kinds})
    if wrong:
        raise damaged(container.directory, f"state.json has a wrong option {wrong}")
    try:
        made = Options(**options)
    except TypeError as error:
        raise damaged(container.directory, f"its options: {error}") from None
    return made.replace(root=container.directory.rpartition("/")[0], id=container.facts["id"])


LARGEST = 1 << 30  # bytes of a config.json: it was read once already


def config_of(container: Container) -> bytes:
    """The config.json in the books. Raises StateError."""
    try:
        return files.read_regular(f"{container.directory}/{CONFIG}", LARGEST, trusted_owner())
    except OSError as error:
        raise damaged(container.directory, f"{CONFIG}: {reason(error)}") from None


def steps_of(container: Container, part: Part) -> tuple[Step, ...]:
    """The steps of this part of the plan, in order. Raises StateError."""
    options = options_of(container)
    try:
        return made(part, parse(decode(config_of(container))), options)
    except MinirunError as error:
        raise damaged(container.directory, str(error)) from None


def context_of(container: Container, log: Log, channel: Channel) -> Context:
    context = Context(log, channel)
    context.owns_id = True
    context.umask = os.umask(0o022)
    os.umask(context.umask)
    context.pid, context.start_time = container.pid, container.facts["pidStartTime"]
    context.cgroup = container.cgroup
    context.cgroup_inode = container.facts.get("cgroupInode", 0)
    context.made = list(container.facts["made"])
    return context
