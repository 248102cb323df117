"""`minirun checkpoint` and `minirun restore`: a container as files, and a container of these."""

from __future__ import annotations

from ..errors import StateError
from ..plan.checkpoint import checkpoint_plan
from ..safe import safe
from ..spec.load import content, decode, parse
from .books import PAUSED, RUNNING, Container, find_own
from .caller import as_caller
from .delete import destroy
from .lock import Lock
from .own_signals import Alone, Signals
from .remade import config_of, context_of, options_of
from .run import check_proc, run_plan
from .undo import undo
from .walk import do

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.options import Options
    from ..steps.criu import Wishes
    from ..steps.step import Context, Step
    from .log import Log


def checkpoint(root: str, name: str, wishes: Wishes, log: Log) -> None:
    """Write a container to files. It is deleted then, unless it is to go on. Raises MinirunError, and then it goes on
    as before."""
    check_proc()
    lock = Lock(root, name)
    own = Signals()  # nothing interrupts it half way
    try:
        container = find_own(root, name)
        status = container.status()
        if status not in (RUNNING, PAUSED):
            raise StateError(f"cannot checkpoint a {status} container")
        keep(container, wishes, log, own)
        if not (wishes.leave_running or wishes.pre_dump):
            destroy(root, name, log, own)
    finally:
        own.close()
        lock.release()


def keep(container: Container, wishes: Wishes, log: Log, own: Signals) -> None:
    steps = checkpoint_plan(parse(decode(config_of(container))), options_of(container), wishes)
    context = context_of(container, log, Alone(own))
    log.observer.prepare(steps)
    try:
        apply_all(steps, context, log)
    finally:
        log.observer.ended(log)


def apply_all(steps: tuple[Step, ...], context: Context, log: Log) -> None:
    """All steps; after a failure no images are left."""
    applied: list[Step] = []
    try:
        for index, step in enumerate(steps):
            do(step, index, steps, context, log)
            applied.append(step)
    except BaseException as error:
        log.observer.failed(error, context)
        undo(applied, context, log)
        for failure in context.left:
            log.warning(safe(failure))
        raise


def restore(options: Options, wishes: Wishes, log: Log, *, config: bytes | None = None, stay: bool) -> int:
    """Make a container of files. With `stay`, to its end, and its exit status. Raises MinirunError, and then nothing of
    it is left. `config` stands for the bundle's config.json."""
    from ..plan.restore import restore_plan

    check_proc()
    config = content(options.bundle, options.config) if config is None else config
    parsed = parse(decode(config))
    steps = restore_plan(parsed, as_caller(options.replace(restored=True), parsed.linux), wishes)
    return run_plan(steps, log, config, stay=stay)
