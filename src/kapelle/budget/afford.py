"""Refuse what might cost more than is allowed, before it is sent."""

from kapelle.budget.model import Budget, Usage
from kapelle.errors import BudgetExceeded, Refused


def refuse_beyond(budget: Budget, most: Usage, model: str) -> None:
    """Refuse calls that may take `most` of a model, under a task's budget.

    Raises:
        BudgetExceeded: they might pass a cap; nothing was sent.
        Refused: there is a cap on money, and the model's price is not known.
    """
    if budget.usd is not None and most.usd is None:
        raise Refused(f"`{model}`: its price is not known, and the budget is {budget.usd} usd; nothing was sent")
    tokens = most.input_tokens + most.output_tokens
    for name, wanted, allowed in (
        ("usd", most.usd, budget.usd),
        ("tokens", tokens, budget.tokens),
        ("requests", most.requests, budget.requests),
    ):
        if allowed is not None and wanted is not None and wanted > allowed:
            raise BudgetExceeded(f"budget.{name}", wanted, allowed)
