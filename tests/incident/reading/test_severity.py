"""Severities are ranks, however they are written."""

import pytest

from kapelle.incident.reading.severity import severities_in


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        ("a P1 alert", (1,)),
        ("`P2`: slow", (2,)),
        ("SEV-1", (1,)),
        ("Severity 3", (3,)),
        ("P1/P2", (1, 2)),
        ("P1-P3", (1, 2, 3)),
        ("P2 or higher", (1, 2)),
        ("p95 latency", ()),
        ("#inc-p1", ()),
        ("saas-1", ()),
    ],
)
def test_a_severity_is_read_as_its_rank(text: str, ranks: tuple[int, ...]) -> None:
    assert severities_in(text) == ranks
