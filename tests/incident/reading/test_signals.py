"""Circumstances are read with their contrary."""

import pytest

from kapelle.incident.reading.signals import signals_in


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("nobody owns it", "unowned", True),
        ("no owner is assigned", "unowned", True),
        ("it is owned by Ana", "unowned", False),
        ("nobody has acknowledged", "unacknowledged", True),
        ("acknowledged at once", "unacknowledged", False),
        ("not mitigated", "unmitigated", True),
        ("already mitigated", "unmitigated", False),
        ("customer-impacting", "customer_impact", True),
        ("without customer impact", "customer_impact", False),
        ("no data loss", "data_loss", False),
        ("a hotfix", "emergency", True),
    ],
)
def test_a_circumstance_is_stated_or_denied(text: str, name: str, value: bool) -> None:
    assert signals_in(text)[name] is value  # type: ignore[index]  # parametrized words


def test_what_is_not_spoken_of_is_not_known() -> None:
    assert signals_in("The deploy ran at noon.") == {}
