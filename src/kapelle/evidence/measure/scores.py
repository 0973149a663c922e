"""What rankings are worth: nDCG, recall, reciprocal rank, precision; and whether two rankings differ."""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from kapelle.errors import MissingExtra
from kapelle.evidence.measure.collection import TestCollection
from kapelle.evidence.measure.rankings import Rankings

try:
    import ir_measures
    from ir_measures import RR, P, R, nDCG
    from scipy.stats import ttest_rel
except ImportError as error:
    raise MissingExtra("measure") from error

_MEASURES = {"ndcg10": nDCG @ 10, "recall100": R @ 100, "mrr10": RR @ 10, "p5": P @ 5}


class Scores(BaseModel):
    """The means over a collection's questions, and the time a search took."""

    model_config = ConfigDict(frozen=True)

    ndcg10: float
    recall100: float
    mrr10: float
    p5: float
    p50_ms: float
    p95_ms: float


class Difference(BaseModel):
    """One ranking against another, question by question."""

    model_config = ConfigDict(frozen=True)

    ndcg10: float
    """The mean difference."""
    p: float
    """Of a paired t-test, two-sided: how likely so large a difference is by chance."""
    better: int
    """Questions that are ranked better."""
    worse: int


def score(rankings: Rankings, collection: TestCollection) -> Scores:
    """Score rankings by a collection's judgements, as trec_eval does."""
    qrels, run = _qrels(collection), _run(rankings)
    means = ir_measures.calc_aggregate(list(_MEASURES.values()), qrels, run)
    return Scores(
        **{name: round(means[measure], 4) for name, measure in _MEASURES.items()},
        p50_ms=round(_percentile(rankings.seconds, 0.5) * 1000, 2),
        p95_ms=round(_percentile(rankings.seconds, 0.95) * 1000, 2),
    )


def compare(a: Rankings, b: Rankings, collection: TestCollection) -> Difference:
    """How rankings `b` differ from `a` in nDCG@10."""
    before, after = (_each(rankings, collection) for rankings in (a, b))
    pairs = [(before[question.id], after[question.id]) for question in collection.questions]
    apart = [after - before for before, after in pairs]
    p = float(ttest_rel([x for _, x in pairs], [x for x, _ in pairs]).pvalue) if any(apart) and len(pairs) > 1 else 1.0
    return Difference(
        ndcg10=round(sum(apart) / len(apart), 4),
        p=round(p, 4),
        better=sum(change > 0 for change in apart),
        worse=sum(change < 0 for change in apart),
    )


def _each(rankings: Rankings, collection: TestCollection) -> dict[str, float]:
    found = ir_measures.iter_calc([_MEASURES["ndcg10"]], _qrels(collection), _run(rankings))
    return dict.fromkeys((one.id for one in collection.questions), 0.0) | {one.query_id: one.value for one in found}


def _qrels(collection: TestCollection) -> list[ir_measures.Qrel]:
    return [
        ir_measures.Qrel(question.id, document, grade)
        for question in collection.questions
        for document, grade in question.relevant.items()
    ]


def _run(rankings: Rankings) -> list[ir_measures.ScoredDoc]:
    # By place, not by score: what we rank in some order is scored in that order, ties included.
    return [
        ir_measures.ScoredDoc(question, document, float(-place))
        for question, found in rankings.found.items()
        for place, document in enumerate(found)
    ]


def _percentile(values: Sequence[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)] if ranked else 0.0
