"""docs/conformance.md tells the truth about the clauses of the spec, the code that keeps them, and what proves it."""

from __future__ import annotations

import pytest

from tests.conformance.document import DOCUMENT, Clause, left_out, out_of_date, read_clauses, render


def test_no_clause_is_without_code_and_proof() -> None:
    assert list(out_of_date(read_clauses())) == []


def test_no_case_and_no_citation_is_without_its_clause() -> None:
    assert list(left_out(read_clauses())) == []


def test_the_document_is_what_the_table_says() -> None:
    assert DOCUMENT.read_text() == render(read_clauses()), "to write it anew: python3 -m tests.conformance.document"


GOOD = Clause("config.md#hostname", "`hostname`", by=("SetHostname",), cases=("the_hostname*",))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (GOOD._replace(by=()), "neither kept by anything"),
        (GOOD._replace(by=("SetNothing",)), "no single SetNothing in minirun"),
        (GOOD._replace(by=("find",)), "no single find in minirun"),  # there are several
        (GOOD._replace(cases=()), "nothing proves it"),
        (GOOD._replace(cases=("the_domainname",)), "no case of this heading"),
        (GOOD._replace(tests=("test_hostname.test_nothing",)), "no single test_hostname.test_nothing"),
    ],
)
def test_what_is_out_of_date_is_told(wrong: Clause, told: str) -> None:
    assert list(out_of_date([GOOD])) == []
    assert told in "".join(out_of_date([wrong]))


def test_what_is_left_out_is_told() -> None:
    told = "\n".join(left_out([GOOD._replace(by=())]))
    assert "steps.namespaces.SetHostname cites config.md#hostname, and is at none of its clauses" in told
    assert "config.md#domainname: the case the_domainname belongs to 0 clauses" in told
    assert "cites config.md#domainname, which no clause has" in told
