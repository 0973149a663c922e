"""What people are asked and decide: `approval` (the question, the decision, the rules), `approval_rows` and
`approval_memory` (where they stand), `expiry` (what nobody decides in time), `outbox` and `notify` (who is told),
`questions` (asked from inside a step)."""
