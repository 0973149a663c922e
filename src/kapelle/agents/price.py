"""What a call cost, by the price list that genai-prices carries; nothing is fetched."""

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from genai_prices import Usage as Counted
from genai_prices import calc_price
from genai_prices.types import AbstractUsage
from pydantic_ai.usage import RequestUsage

from kapelle.budget.model import Usage


@dataclass(frozen=True, slots=True)
class Tariff:
    """Where a model's prices are looked up."""

    model: str
    provider: str | None
    """The provider's name; None where the address was given, and only the address says who is paid."""
    address: str | None

    def price(self, counted: AbstractUsage) -> Decimal | None:
        """US dollars for what was counted, or None where the price is not known."""
        by_address = self.address and (lambda: calc_price(counted, self.model, provider_api_url=self.address))
        by_name = self.provider and (lambda: calc_price(counted, self.model, provider_id=self.provider))
        for look_up in (by_address, by_name):
            if look_up:
                with suppress(LookupError, ValueError):  # not in the list, or counts that contradict each other
                    return look_up().total_price
        return None

    @property
    def known(self) -> bool:
        """Whether there is a price at all."""
        return self.price(Counted(input_tokens=1, output_tokens=1)) is not None

    def usage(self, counted: RequestUsage) -> Usage:
        """One request as a Usage; one whose usage the provider did not report has no price."""
        if counted.unmeasured_requests or not counted.has_values():
            return Usage(requests=1, usd=None, unmeasured=1)
        return Usage(
            requests=1,
            input_tokens=counted.input_tokens,
            cached_tokens=counted.cache_read_tokens,
            output_tokens=counted.output_tokens,
            usd=self.price(counted),
        )

    def estimate(self, *, requests: int, input_tokens: int, output_tokens: int = 0) -> Usage:
        """A Usage of what is about to be asked; `unmeasured` where no price is known."""
        usd = self.price(Counted(input_tokens=input_tokens, output_tokens=output_tokens))
        return Usage(
            requests=requests,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            usd=usd,
            unmeasured=requests if usd is None else 0,
        )


def tokens_of(text: str) -> int:
    """Tokens of a text, without a tokenizer: a byte count that is above what tokenizers find in most languages."""
    return -(-len(text.encode()) // 3)
