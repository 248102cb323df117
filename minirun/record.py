"""Frozen records: what `@dataclass(frozen=True)` gives, at a tenth of its price.

The standard dataclasses module writes and compiles source code for every class and imports `inspect` to do so. A run
defines about sixty records, which would cost more than everything else that minirun does before the container starts.
This base class looks the field names up instead. Type checkers treat it exactly like a dataclass (PEP 681).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:
    # Importing typing costs more than this whole file.
    def dataclass_transform(**_options):
        return lambda cls: cls


# One value after the other, which takes a third of the memory that an update of the instance's dictionary does.
put = object.__setattr__


@dataclass_transform(frozen_default=True, kw_only_default=False)
class Record:
    """A value with named fields: compared by content, never changed, printed as it was made.

    A subclass lists its fields as annotations, with defaults as plain assignments. Annotations that start with
    `ClassVar` are not fields.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own, known = cls.__dict__.get("__annotations__"), cls.fields
        if own:
            cls.fields += tuple([name for name, kind in own.items() if kind[:8] != "ClassVar" and name not in known])

    if not TYPE_CHECKING:  # the type checker makes a better one from the annotations

        def __init__(self, *values, **named):
            fields, count = self.fields, len(values)
            if count > len(fields):
                raise TypeError(f"{type(self).__name__} takes {len(fields)} values, got {count}")
            for name, value in zip(fields, values):
                put(self, name, value)
            for name, value in named.items():
                if name not in fields[count:]:
                    raise TypeError(f"{type(self).__name__} cannot take {name!r}")
                put(self, name, value)
            for name in fields[count:]:
                if not hasattr(self, name):
                    raise TypeError(f"{type(self).__name__} needs {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def values(self) -> tuple[Any, ...]:
        """The fields' values, in the order in which the class lists them."""
        return tuple(getattr(self, name) for name in self.fields)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**dict(zip(self.fields, self.values())), **changes})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Record) and other.values() == self.values()

    def __hash__(self) -> int:
        return hash((type(self), self.values()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in zip(self.fields, self.values()))
        return f"{type(self).__name__}({shown})"
