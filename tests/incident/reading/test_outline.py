"""Every entry is an exact span, with what governs it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kapelle.incident.reading.outline import outline, plain

POLICY = """# Policy

## 1. Escalation

- `P1`
  - Acknowledge within
    5 minutes.
1. Numbered (was 10 minutes)

Roll back when any holds:

- Error rate > 2%

| Severity | Ack (min) |
|---|---|
| P1 | 5 |
| | 7 |

```
- Not policy
```
<!-- - Nor this -->
"""


def test_items_know_their_parents_headings_and_exact_spans() -> None:
    entries = {entry.text: entry for entry in outline(POLICY)}
    nested = entries["Acknowledge within 5 minutes."]
    assert [parent.text for parent in nested.parents] == ["P1"]
    assert [heading.text for heading in nested.headings] == ["1. Escalation"]
    assert POLICY[nested.start : nested.end] == "Acknowledge within\n    5 minutes."


def test_a_sentence_with_a_colon_governs_the_list_below_it() -> None:
    entries = {entry.text: entry for entry in outline(POLICY)}
    assert [parent.text for parent in entries["Error rate > 2%"].parents] == ["Roll back when any holds:"]


def test_former_values_in_brackets_code_and_comments_say_nothing() -> None:
    texts = [entry.text for entry in outline(POLICY)]
    assert "Numbered" in texts
    assert not any("Not policy" in text or "Nor this" in text for text in texts)


def test_a_row_reads_with_its_headers_and_units_and_an_empty_first_cell_repeats_the_one_above() -> None:
    rows = [entry for entry in outline(POLICY) if entry.cells]
    assert [row.text for row in rows] == ["Severity: P1; Ack (min): 5 min", "Severity: P1; Ack (min): 7 min"]
    assert [POLICY[row.start : row.end] for row in rows] == ["| P1 | 5 |", "| | 7 |"]


def test_windows_line_ends_and_a_byte_order_mark_keep_the_offsets() -> None:
    text = "\ufeff# T\r\n\r\n- Acknowledge within 5 minutes.\r\n"
    (entry,) = outline(text)
    assert text[entry.start : entry.end] == "Acknowledge within 5 minutes."


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([*POLICY.splitlines(), "", "  - x", "|", "---", "\ufeff", "a: b", "#", "1."])))
def test_whatever_the_document_every_entry_is_a_span_of_it(parts: list[str]) -> None:
    text = "\n".join(parts)
    for entry in outline(text):
        assert 0 <= entry.start < entry.end <= len(text)
        assert entry.cells or plain(text[entry.start : entry.end]) == entry.text
