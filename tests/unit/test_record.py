"""minirun.record: what the frozen records promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from minirun.record import Record

if TYPE_CHECKING:
    from typing import ClassVar


class Point(Record):
    x: int
    y: int = 0
    unit: ClassVar[str] = "m"


class Point3(Point):
    z: int = 7


def test_fields_are_the_annotations_without_class_variables() -> None:
    assert Point.fields == ("x", "y")
    assert Point3.fields == ("x", "y", "z")


def test_values_come_by_position_by_name_or_by_default() -> None:
    assert Point(1).values() == (1, 0)
    assert Point3(1, z=2).values() == (1, 0, 2)


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}), ((1,), {"w": 2})])
def test_a_wrong_call_is_refused(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(*values, **named)


def test_a_record_does_not_change() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    assert point.replace(y=5) == Point(1, 5)
    assert point == Point(1)


def test_equality_and_hash_go_by_class_and_content() -> None:
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point3(1)
    assert len({Point(1), Point(1, 0), Point(2)}) == 2


def test_it_prints_as_it_is_made() -> None:
    assert repr(Point(1)) == "Point(x=1, y=0)"
