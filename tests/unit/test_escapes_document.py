"""docs/escapes.md tells the truth about the tests that try each escape, and what is taken out for them."""

from __future__ import annotations

import pytest

from tests.kernel.escapes.document import DOCUMENT, Book, Chapter, Escape, problems, read, render, weakenings


def test_no_escape_is_untried_and_no_test_without_its_escape() -> None:
    assert list(problems(read())) == []


def test_the_document_is_what_the_table_says() -> None:
    assert DOCUMENT.read_text() == render(read()), "to write it anew: python3 -m tests.kernel.escapes.document"


def test_the_three_figures_have_their_place() -> None:
    book = read()
    counted = {name: f"{name}: 4711" for name in book.tried}
    text = render(book._replace(tried=counted))
    assert all(figure in text for figure in counted.values())
    assert all(command in text for command in ("tests/faults/run", "tests/fuzz/run --seconds N", "bench/soak"))


def test_every_weakening_says_what_is_taken_out() -> None:
    assert all(text.endswith(".") for text in weakenings().values())


GOOD = Escape(
    "One", "An attack.", "A defence.", ("test_swapped_paths.test_the_terminal_is_one",), weak=("any-terminal",)
)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (GOOD._replace(tests=()), "One: nothing tries it"),
        (GOOD._replace(tests=("test_swapped_paths.test_nothing",)), "no single test_swapped_paths.test_nothing"),
        (GOOD._replace(weak=("everything",)), "weak.py has no everything"),
        (GOOD._replace(without="everything"), "explain --without has no everything"),
    ],
)
def test_what_is_wrong_is_told(wrong: Escape, told: str) -> None:
    alone = Book((Chapter("A chapter", "Text.", (wrong,)),), (), {})
    assert told in "\n".join(problems(alone))
