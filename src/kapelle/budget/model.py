"""Budget and Usage: what may be spent, and what was."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, field_serializer


class Budget(BaseModel):
    """Caps of one task; a field left out is no cap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: Decimal | None = Field(None, ge=0)
    """Money, in US dollars."""
    tokens: int | None = Field(None, ge=0)
    """Input and output tokens together."""
    requests: int | None = Field(None, ge=0)
    """Calls to models."""
    seconds: float | None = Field(None, gt=0)
    """Wall-clock time in which the run was working."""

    @field_serializer("usd", when_used="json")
    def _money(self, usd: Decimal | None) -> str | None:
        return None if usd is None else str(usd)


class Usage(BaseModel):
    """What was spent; add two with `+`, take one several times with `*`."""

    model_config = ConfigDict(frozen=True)

    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal | None = Decimal(0)
    """Money, or None where a price is not known."""
    unmeasured: int = 0
    """Requests whose usage the provider did not report."""

    @field_serializer("usd", when_used="json")
    def _money(self, usd: Decimal | None) -> str | None:
        return None if usd is None else str(usd)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=None if self.usd is None or other.usd is None else self.usd + other.usd,
            unmeasured=self.unmeasured + other.unmeasured,
        )

    def __mul__(self, times: int) -> "Usage":
        return Usage(
            requests=self.requests * times,
            input_tokens=self.input_tokens * times,
            cached_tokens=self.cached_tokens * times,
            output_tokens=self.output_tokens * times,
            usd=None if self.usd is None and times else (self.usd or Decimal(0)) * times,
            unmeasured=self.unmeasured * times,
        )
