"""Scores answers against scenarios: facts that must be said, texts that must not, sources that must be cited,
brevity.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, computed_field

from kapelle.errors import UnreadableSource

MAX_WORDS = 250
"""Words an answer may have; citation marks such as `[c1]` are not counted."""
MAX_CITATIONS = 12
_MARK = re.compile(r"\s*\[c\d+\]")
_CONFIGS = {"jira_config": "jira", "slack_config": "slack", "postgres_config": "postgres"}


class Scenario(BaseModel):
    """A task with what a right answer says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    kind: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    context: dict[str, JsonValue] = Field(default_factory=dict)
    facts: tuple[str | tuple[str, ...], ...] = ()
    """Each a text, or alternatives of which one suffices; case and white space do not count."""
    forbidden: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()
    """Names or paths of sources that must be cited."""


class ScenarioResult(BaseModel):
    """How an answer did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: str
    passed: bool
    missing_facts: tuple[str, ...] = ()
    missing_citations: tuple[str, ...] = ()
    words: int
    citations: int
    reasons: tuple[str, ...] = ()


class Share(BaseModel):
    """Passed of all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: int
    total: int


class Report(BaseModel):
    """How all scenarios did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenarios: tuple[ScenarioResult, ...]

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def total(self) -> int:
        """Scenarios that were asked."""
        return len(self.scenarios)

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def passed(self) -> int:
        """Scenarios that passed."""
        return sum(result.passed for result in self.scenarios)

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def pass_rate(self) -> float:
        """Passed over total, 0..1; 0 without scenarios."""
        return sum(result.passed for result in self.scenarios) / len(self.scenarios) if self.scenarios else 0.0

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def by_kind(self) -> dict[str, Share]:
        """Shares by kind, sorted by name."""
        kinds = sorted({result.kind for result in self.scenarios})
        own = {kind: [result for result in self.scenarios if result.kind == kind] for kind in kinds}
        return {
            kind: Share(passed=sum(result.passed for result in results), total=len(results))
            for kind, results in own.items()
        }


def load_scenarios(path: Path) -> tuple[Scenario, ...]:
    """Read a file `{scenarios: [...]}` or a list of scenarios.

    Raises:
        UnreadableSource: the file cannot be read, is no YAML, or a scenario is malformed; the message names it.
    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableSource(
            f"`{path}` cannot be read: {error.strerror or error}; give the path of a scenario file"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableSource(f"`{path}` is no YAML: {' '.join(str(error).split())}; correct the file") from error
    rows = given.get("scenarios") if isinstance(given, Mapping) else given
    if not isinstance(rows, list) or not rows:
        raise UnreadableSource(f"`{path}` holds no scenarios; expected a list under `scenarios:`")
    scenarios = tuple(_scenario(path, index, row) for index, row in enumerate(rows, 1))
    _refuse_repeats(path, scenarios)
    return scenarios


def score_scenario(
    scenario: Scenario, text: str, citations: Sequence[str], *, names: Mapping[str, str] | None = None
) -> ScenarioResult:
    """Score an answer: `citations` holds the source of each citation, `names` maps names of sources to their files."""
    folded = _folded(text)
    missing_facts = tuple(
        _shown(fact) for fact in scenario.facts if not any(_holds(folded, one) for one in _alternatives(fact))
    )
    missing_citations = tuple(
        name for name in scenario.citations if not any(_is_source(source, name, names or {}) for source in citations)
    )
    said = tuple(one for one in scenario.forbidden if _holds(folded, one))
    words = len(_MARK.sub("", text).split())
    reasons = [f"not said: {fact}" for fact in missing_facts]
    reasons += [f"not cited: {name}" for name in missing_citations]
    reasons += [f"said though wrong: {one}" for one in said]
    reasons += [f"{words} words, at most {MAX_WORDS}"] if words > MAX_WORDS else []
    reasons += [f"{len(citations)} citations, at most {MAX_CITATIONS}"] if len(citations) > MAX_CITATIONS else []
    return ScenarioResult(
        id=scenario.id,
        kind=scenario.kind,
        passed=not reasons,
        missing_facts=missing_facts,
        missing_citations=missing_citations,
        words=words,
        citations=len(citations),
        reasons=tuple(reasons),
    )


def _scenario(path: Path, index: int, row: object) -> Scenario:
    try:
        return Scenario.model_validate(row)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = row.get("id", f"number {index}") if isinstance(row, Mapping) else f"number {index}"
        field = ".".join(str(part) for part in problem["loc"]) or "the scenario"
        raise UnreadableSource(f"`{path}`, scenario `{name}`: `{field}`: {problem['msg']}; correct the file") from None


def _refuse_repeats(path: Path, scenarios: Sequence[Scenario]) -> None:
    seen: set[str] = set()
    for scenario in scenarios:
        if scenario.id in seen:
            raise UnreadableSource(f"`{path}`: two scenarios have the id `{scenario.id}`; rename one")
        seen.add(scenario.id)


def _folded(text: str) -> str:
    plain = _MARK.sub(" ", text).replace("–", "-").replace("—", "-").replace("’", "'").replace("`", "")
    return " ".join(plain.lower().split())


def _alternatives(fact: str | tuple[str, ...]) -> tuple[str, ...]:
    return (fact,) if isinstance(fact, str) else fact


def _shown(fact: str | tuple[str, ...]) -> str:
    return " | ".join(_alternatives(fact))


def _holds(folded: str, fact: str) -> bool:
    """Whether the text says it, where no word or number goes on beside it: `5 minutes` is not in `15 minutes`."""
    wanted = re.escape(_folded(fact))
    return (
        re.search(rf"(?<![\w]){wanted}(?!\w)(?!\.\d)" if wanted[:1].isalnum() else rf"{wanted}(?!\w)", folded)
        is not None
    )


def _is_source(source: str, name: str, names: Mapping[str, str]) -> bool:
    """Whether a citation's source is the file that a name stands for."""
    if source in (name, names.get(name)):
        return True
    stem = source.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return stem == _CONFIGS.get(name, name)
