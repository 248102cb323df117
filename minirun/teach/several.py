"""Several observers of one walk, such as a narrator and a timeline."""

from __future__ import annotations

from ..steps.step import Observer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..steps.step import Context, Log, Step


class Several(Observer):
    """The last is the nearest to the step: it hears of its beginning last, and of its end first. So a clock that stands
    there does not count what the others do."""

    def __init__(self, *observers: Observer) -> None:
        self.observers = observers

    def prepare(self, steps: tuple[Step, ...], first: int = 0) -> None:
        for observer in self.observers:
            observer.prepare(steps, first)

    def before(self, step: Step, index: int, context: Context) -> None:
        for observer in self.observers:
            observer.before(step, index, context)

    def after(self, step: Step, index: int, context: Context) -> None:
        for observer in reversed(self.observers):
            observer.after(step, index, context)

    def failed(self, error: BaseException, context: Context) -> None:
        for observer in self.observers:
            observer.failed(error, context)

    def descriptors(self) -> tuple[int, ...]:
        return tuple(one for observer in self.observers for one in observer.descriptors())

    def undoing(self, step: Step) -> None:
        for observer in self.observers:
            observer.undoing(step)

    def ended(self, log: Log) -> None:
        for observer in self.observers:
            observer.ended(log)
