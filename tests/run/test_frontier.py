"""What starts, and what is settled without being performed: every rule, on the pure frontier."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pydantic import JsonValue
from tests.builders import again, done, each, lost, plan_of, ref, step, when

from kapelle.plan.graph import Graph, graph_of
from kapelle.plan.model import ApprovalStep, Plan, Step
from kapelle.run.frontier import Frontier, Instead, Settle, Start
from kapelle.run.model import REJECTED, StepFailure, StepResult

Answers = Mapping[str, JsonValue | StepResult | Callable[[str], StepResult]]


class Played:
    """A plan played to its end on a frontier, first come first served."""

    def __init__(self, plan: Plan, answers: Answers | None = None, task: JsonValue = None) -> None:
        self.frontier = Frontier(plan, task)
        self.started: list[str] = []
        self.results: dict[str, StepResult] = {}
        self.given: dict[str, Any] = {}
        self.missing: dict[str, tuple[str, ...]] = {}
        self.instead: list[tuple[str, str]] = []
        waiting = list(self.frontier.begin())
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, Settle):
                self.results[action.result.path] = action.result
                continue
            if isinstance(action, Instead):
                self.instead.append((action.path, action.by))
                continue
            result = self._play(action, answers or {})
            self.results[action.path] = result
            waiting.extend(self.frontier.settle(result))

    def _play(self, start: Start, answers: Answers) -> StepResult:
        self.started.append(start.path)
        self.given[start.path] = start.inputs().get("given")
        self.missing[start.path] = start.missing
        answer = answers.get(start.path, answers.get(start.step.id, start.path))
        if callable(answer):
            return answer(start.path)
        if isinstance(answer, StepResult):
            return answer.model_copy(update={"path": start.path})
        return done(start.path, answer)

    def status(self, path: str) -> str:
        return self.results[path].status

    def why(self, path: str) -> str:
        result = self.results[path]
        return result.error.message if result.error else result.route


def play(*steps: Step, output: str = "", task: JsonValue = None, **answers: Any) -> Played:
    played = Played(plan_of(*steps, output=output), answers, task)
    assert played.frontier.finished
    return played


BROKEN = lost("")


def rejected(path: str) -> StepResult:
    failure = StepFailure(cls=REJECTED, message="rejected by bo")
    return StepResult(path=path, status="failed", output={"decision": "rejected"}, error=failure)


def test_independent_steps_start_at_once_and_dependents_when_their_own_needs_are_met() -> None:
    frontier = Frontier(plan_of(step("a"), step("b"), step("c", "a"), step("d", "a", "b")), None)
    assert [one.path for one in frontier.begin() if isinstance(one, Start)] == ["a", "b"]
    assert [one.path for one in frontier.settle(done("a")) if isinstance(one, Start)] == ["c"]
    assert [one.path for one in frontier.settle(done("b")) if isinstance(one, Start)] == ["d"]
    assert not frontier.finished


def test_a_result_of_a_step_that_was_not_started_is_refused() -> None:
    frontier = Frontier(plan_of(step("a"), step("b", "a")), None)
    frontier.begin()
    with pytest.raises(KeyError):
        frontier.settle(done("b"))


def test_values_flow_along_references() -> None:
    played = play(step("a"), step("b", inputs={"given": ref("a", "/x/1")}), a={"x": [1, 2]})
    assert played.given["b"] == 2


def test_a_failure_skips_only_what_needs_it() -> None:
    played = play(step("a"), step("b", "a"), step("c", "b"), step("d"), a=BROKEN)
    assert played.started == ["a", "d"]
    assert played.status("c") == "skipped"
    assert "it broke" in played.why("b")


def test_join_any_goes_on_with_what_came_and_lists_what_is_missing() -> None:
    played = play(step("a"), step("b"), step("c", "a", "b", join="any"), a=BROKEN, b=7)
    assert played.given["c"] == [None, 7]
    assert played.missing["c"] == ("a",)


def test_join_any_without_anything_is_skipped() -> None:
    played = play(step("a"), step("b"), step("c", "a", "b", join="any"), a=BROKEN, b=BROKEN)
    assert played.status("c") == "skipped"
    assert "0 of 2 inputs came, 1 needed: no a, b" in played.why("c")


@pytest.mark.parametrize(("broken", "expected"), [(1, "succeeded"), (2, "skipped")])
def test_a_quorum_of_two_of_three(broken: int, expected: str) -> None:
    steps = [step("a"), step("b"), step("c"), step("d", "a", "b", "c", join={"quorum": 2})]
    played = play(*steps, **dict.fromkeys("abc"[:broken], BROKEN))
    assert played.status("d") == expected


def test_every_input_is_waited_for_even_when_one_would_do() -> None:
    frontier = Frontier(plan_of(step("a"), step("b"), step("c", "a", "b", join="any")), None)
    frontier.begin()
    assert frontier.settle(done("a")) == []


def test_an_error_that_may_be_skipped_lets_the_followers_go_on() -> None:
    played = play(step("a", on_error="skip"), step("b", after=["a"]), step("c", "a", join="any"), a=None)
    assert played.status("b") == "succeeded"
    softened = StepResult(path="a", status="skipped", error=StepFailure(cls="ToolFailed", message="it broke"))
    played = play(step("a", on_error="skip"), step("b", after=["a"]), step("c", "a"), a=softened)
    assert played.status("b") == "succeeded"
    assert played.status("c") == "skipped"
    assert played.results["c"].error is None


def test_a_condition_that_is_false_skips_and_what_follows_in_order_goes_on() -> None:
    played = play(step("a"), step("b", when=when("a", "", "eq", 2)), step("c", after=["b"]), step("d", "b"), a=1)
    assert played.why("b") == "skipped: its condition is false"
    assert played.status("c") == "succeeded"
    assert played.status("d") == "skipped"


def test_a_condition_on_a_step_that_was_skipped_reads_null() -> None:
    never = when("a", "", "eq", "never")
    played = play(step("a"), step("b", when=never), step("c", when=when("b", "", "eq", None)), a=1)
    assert played.status("c") == "succeeded"


def test_a_condition_on_a_step_that_failed_blocks() -> None:
    played = play(step("a"), step("b", when=when("a", "", "eq", None)), a=BROKEN)
    assert played.status("b") == "skipped"
    assert played.results["b"].error is not None


@pytest.mark.parametrize("answer", [BROKEN, rejected])
def test_after_a_failure_or_a_rejection_nothing_goes_on(answer: Any) -> None:
    played = play(step("a"), step("b", after=["a"]), step("c", after=["b"]), a=answer)
    assert played.started == ["a"]
    assert played.status("b") == played.status("c") == "skipped"


def test_a_condition_on_the_decision_knows_of_a_rejection() -> None:
    approved = when("a", "/decision", "eq", "approved")
    refused = when("a", "/decision", "eq", "rejected")
    played = play(step("a"), step("b", after=["a"], when=approved), step("c", "a", when=refused), a=rejected)
    assert played.why("b") == "skipped: its condition is false"
    assert played.status("c") == "succeeded"


def test_a_fallback_is_performed_only_when_it_is_needed() -> None:
    steps = [step("a", on_error={"fallback": "b"}), step("b"), step("c", "a")]
    good, bad = play(*steps, a=1), play(*steps, a=BROKEN, b=2)
    assert good.started == ["a", "c"]
    assert good.why("b") == "skipped: not needed"
    assert bad.started == ["a", "b", "c"]
    assert bad.given["c"] == [2]
    assert bad.missing["c"] == ()


def test_a_fallback_that_fails_too_leaves_the_first_failure() -> None:
    played = play(step("a", on_error={"fallback": "b"}), step("b"), step("c", "a"), a=BROKEN, b=lost("", "also"))
    assert "it broke" in played.why("c")


def test_a_fallback_may_need_steps_of_its_own() -> None:
    played = play(step("a", on_error={"fallback": "b"}), step("x"), step("b", "x"), step("c", "a"), a=BROKEN, x=5)
    assert played.given["b"] == [5]
    assert played.given["c"] == ["b"]


def test_a_fallback_whose_own_need_failed_is_skipped_and_helps_nobody() -> None:
    played = play(step("a", on_error={"fallback": "b"}), step("x"), step("b", "x"), step("c", "a"), a=BROKEN, x=BROKEN)
    assert played.status("c") == "skipped"


def test_one_fallback_serves_two_steps_and_is_performed_once() -> None:
    played = play(
        step("a", on_error={"fallback": "z"}),
        step("b", "a", on_error={"fallback": "z"}),
        step("z"),
        step("c", "a", "b"),
        a=BROKEN,
        b=BROKEN,
    )
    assert played.started.count("z") == 1
    assert played.given["c"] == ["z", "z"]


def test_a_chain_of_fallbacks_ends_with_the_one_that_works() -> None:
    played = play(
        step("a", on_error={"fallback": "b"}),
        step("b", on_error={"fallback": "c"}),
        step("c"),
        step("d", "a"),
        a=BROKEN,
        b=BROKEN,
    )
    assert played.given["d"] == ["c"]
    assert played.instead == [("b", "c"), ("a", "b")]


def test_a_thousand_fallbacks_in_a_chain_need_no_recursion() -> None:
    chain = [step(f"s{n}", on_error={"fallback": f"s{n + 1}"}) for n in range(1_000)]
    played = play(*chain, step("s1000"), step("x", "s0"), **{f"s{n}": BROKEN for n in range(1_000)})
    assert played.given["x"] == ["s1000"]


def test_a_chain_of_fallbacks_that_nobody_needs_is_skipped_whole() -> None:
    played = play(
        step("a", on_error={"fallback": "b"}), step("b", on_error={"fallback": "c"}), step("c"), step("d", "a")
    )
    assert played.started == ["a", "d"]


ASK = ApprovalStep(id="ask", action="Go?")


def test_nobody_is_asked_for_a_fallback_that_is_not_needed() -> None:
    steps = [step("a", on_error={"fallback": "b"}), ASK, step("b", after=["ask"]), step("c", "a")]
    good, bad = play(*steps), play(*steps, a=BROKEN)
    assert good.started == ["a", "c"]
    assert good.why("ask") == "skipped: not needed"
    assert bad.started == ["a", "ask", "b", "c"]


def test_a_fallback_that_a_person_refuses_helps_nobody() -> None:
    steps = [step("a", on_error={"fallback": "b"}), ASK, step("b", after=["ask"]), step("c", "a")]
    played = play(*steps, a=BROKEN, ask=rejected)
    assert played.started == ["a", "ask"]
    assert "it broke" in played.why("c")


def test_a_person_whom_others_wait_for_is_asked_at_once() -> None:
    steps = [step("a", on_error={"fallback": "b"}), ASK, step("b", after=["ask"]), step("c", after=["ask"])]
    assert play(*steps).started == ["a", "ask", "c"]


def test_a_skipped_step_needs_no_fallback() -> None:
    played = play(step("x"), step("a", "x", on_error={"fallback": "b"}), step("b"), x=BROKEN)
    assert played.started == ["x"]


def test_a_map_performs_its_body_for_each_item_and_keeps_the_order() -> None:
    played = play(each("m", [10, 20], step("a", inputs={"given": [ref("item"), ref("index")]})))
    assert played.given == {"m/0/a": [10, 0], "m/1/a": [20, 1]}
    assert played.results["m"].output == ["m/0/a", "m/1/a"]


def test_a_map_over_nothing_succeeds_with_nothing() -> None:
    played = play(each("m", [], step("a")), step("b", "m"))
    assert played.given == {"b": [[]]}


@pytest.mark.parametrize(
    ("over", "words"), [("text", "must be a list, not str"), ([1, 2, 3, 4], "4 items and `limit` is 3")]
)
def test_a_map_over_no_list_or_too_long_a_one_fails(over: JsonValue, words: str) -> None:
    played = play(step("x"), each("m", ref("x"), step("a"), limit=3), x=over)
    assert played.status("m") == "failed"
    assert words in played.why("m")


def test_a_map_over_a_place_that_is_not_there_fails() -> None:
    played = play(step("x"), each("m", ref("x", "/hits"), step("a")), x={})
    assert played.status("m") == "failed"
    assert "nothing at `/hits`" in played.why("m")


def test_a_map_opens_no_more_items_than_its_width() -> None:
    frontier = Frontier(plan_of(each("m", [1, 2, 3, 4], step("a"), width=2)), None)
    opened = [one.path for one in frontier.begin() if isinstance(one, Start)]
    assert opened == ["m/0/a", "m/1/a"]
    assert [one.path for one in frontier.settle(done("m/1/a")) if isinstance(one, Start)] == ["m/2/a"]


def test_after_an_item_failed_a_strict_map_begins_no_more_and_fails() -> None:
    played = play(each("m", [1, 2, 3], step("a"), width=1), **{"m/0/a": BROKEN})
    assert played.started == ["m/0/a"]
    assert played.results["m"].missing == ("m/0/a",)
    assert "1 of 3 items failed; the first: it broke" in played.why("m")


@pytest.mark.parametrize("policy", [{"on_error": "skip"}, {"join": "any"}, {"join": {"quorum": 2}}])
def test_a_tolerant_map_goes_on_with_null_where_an_item_failed(policy: dict[str, Any]) -> None:
    played = play(each("m", [1, 2, 3], step("a"), **policy), **{"m/1/a": BROKEN})
    assert played.results["m"].output == ["m/0/a", None, "m/2/a"]
    assert played.results["m"].missing == ("m/1/a",)
    assert played.status("m") == "succeeded"


def test_a_map_below_its_quorum_fails() -> None:
    played = play(each("m", [1, 2, 3], step("a"), join={"quorum": 3}), **{"m/1/a": BROKEN})
    assert played.status("m") == "failed"


def test_a_quorum_larger_than_the_list_wants_every_item() -> None:
    assert play(each("m", [1, 2], step("a"), join={"quorum": 5})).status("m") == "succeeded"
    assert play(each("m", [1, 2], step("a"), join={"quorum": 5}), **{"m/0/a": BROKEN}).status("m") == "failed"


def test_an_item_that_is_skipped_by_its_condition_is_null_and_no_failure() -> None:
    played = play(each("m", [1, 2], step("a", when=when("item", "", "eq", 2))))
    assert played.results["m"].output == [None, "m/1/a"]
    assert played.results["m"].missing == ()


def test_a_body_reads_the_steps_around_it() -> None:
    played = play(step("x"), each("m", [1], step("a", "x")), x="outer")
    assert played.given["m/0/a"] == ["outer"]


def test_a_map_in_a_map_reads_its_own_item() -> None:
    inner = each("n", ref("item"), step("a", inputs={"given": ref("item")}))
    played = play(each("m", [[1, 2], [3]], inner))
    assert played.given == {"m/0/n/0/a": 1, "m/0/n/1/a": 2, "m/1/n/0/a": 3}
    assert played.results["m"].output == [["m/0/n/0/a", "m/0/n/1/a"], ["m/1/n/0/a"]]


def test_a_repeat_reads_the_round_before_and_ends_when_its_condition_holds() -> None:
    body = step("a", inputs={"given": [ref("last"), ref("round")]})
    until = when("last", "/n", "ge", 1)
    played = play(again("r", 5, body, until=until), **{"r/0/a": {"n": 0}, "r/1/a": {"n": 1}})
    assert played.given == {"r/0/a": [None, 0], "r/1/a": [{"n": 0}, 1]}
    assert played.results["r"].output == {"n": 1}
    assert played.results["r"].route == "round 1 of 2"


def test_a_repeat_ends_after_its_rounds() -> None:
    assert play(again("r", 3, step("a"))).started == ["r/0/a", "r/1/a", "r/2/a"]


def test_until_may_read_the_round_and_steps_outside() -> None:
    until = {"all": [when("round", "", "ge", 1), when("x", "", "eq", "go")]}
    assert play(step("x"), again("r", 5, step("a"), until=until), x="go").started == ["x", "r/0/a", "r/1/a"]


@pytest.mark.parametrize(
    ("scores", "kept"),
    [([1, 3, 2], 3), ([0.5, True, "9"], True), ([None, "x", -1], -1), ([10**400, 2, 1], 10**400), ([2, 2, 1], 2)],
)
def test_the_best_round_is_kept(scores: list[JsonValue], kept: JsonValue) -> None:
    answers = {f"r/{number}/a": {"score": score} for number, score in enumerate(scores)}
    played = play(again("r", 3, step("a"), keep={"best": ref("last", "/score")}), **answers)
    assert played.results["r"].output == {"score": kept}


def test_of_equal_rounds_the_first_is_kept() -> None:
    answers = {f"r/{number}/a": {"score": 1, "n": number} for number in range(3)}
    played = play(again("r", 3, step("a"), keep={"best": ref("last", "/score")}), **answers)
    assert played.results["r"].output == {"score": 1, "n": 0}


def test_a_round_that_fails_fails_the_repeat() -> None:
    played = play(again("r", 3, step("a")), step("b", "r"), **{"r/1/a": BROKEN})
    assert played.why("r") == "round 1: it broke"
    assert played.status("b") == "skipped"


def test_a_repeat_in_a_map_keeps_the_rounds_of_each_item_apart() -> None:
    played = play(each("m", [1, 2], again("r", 2, step("a", inputs={"given": [ref("item"), ref("last")]}))))
    assert played.given["m/1/r/1/a"] == [2, "m/1/r/0/a"]
    assert len(played.started) == 4


def test_a_step_outside_the_body_is_not_hidden_by_a_failed_one_inside() -> None:
    played = play(each("m", [1], step("a"), step("b"), output="b"), **{"m/0/a": BROKEN})
    assert played.results["m"].output == ["m/0/b"]


def test_what_is_decided_does_not_depend_on_the_order_of_results() -> None:
    plan = plan_of(step("a"), step("b"), step("c", "a", "b", join="any"), each("m", [1, 2], step("d", "c")))
    one, other = Frontier(plan, None), Frontier(plan, None)
    one.begin(), other.begin()
    one.settle(lost("a")), one.settle(done("b"))
    other.settle(done("b")), other.settle(lost("a"))
    one.settle(done("c")), other.settle(done("c"))
    one.settle(done("m/0/d", 1)), one.settle(done("m/1/d", 2))
    other.settle(done("m/1/d", 2)), other.settle(done("m/0/d", 1))
    assert one.output == other.output


def test_five_thousand_skips_in_a_row_need_no_recursion() -> None:
    chain = [step("s0"), *(step(f"s{n}", f"s{n - 1}") for n in range(1, 5_000))]
    played = play(*chain, s0=BROKEN)
    assert played.status("s4999") == "skipped"


def test_a_thousand_rounds_of_skips_need_no_recursion() -> None:
    played = play(again("r", 1_000, step("a", when=when("round", "", "lt", 0))))
    assert played.status("r") == "succeeded"
    assert played.started == []


class CountingGraph(dict[str, Any]):
    """A dictionary of a graph that counts how often it is read."""

    reads = 0

    def __getitem__(self, key: str) -> Any:
        CountingGraph.reads += 1
        return super().__getitem__(key)


def reads_of(steps: int, monkeypatch: pytest.MonkeyPatch) -> int:
    def counted(body: tuple[Step, ...]) -> Graph:
        graph = graph_of(body)
        return Graph(
            *(
                CountingGraph(part)
                for part in (graph.steps, graph.needs, graph.dependents, graph.stands_in_for, graph.asks_for)
            )
        )

    monkeypatch.setattr("kapelle.run.frontier.graph_of", counted)
    CountingGraph.reads = 0
    wide = [step("s0"), *(step(f"s{n}", f"s{n // 2}") for n in range(1, steps))]
    Played(plan_of(*wide))
    return CountingGraph.reads


def test_four_times_the_steps_are_four_times_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = reads_of(1_000, monkeypatch), reads_of(4_000, monkeypatch)
    assert 3.9 < large / small < 4.1


def test_a_place_in_the_task_is_read() -> None:
    played = play(step("a", inputs={"given": ref("task", "/context/service")}), task={"context": {"service": "pay"}})
    assert played.given["a"] == "pay"


def test_a_slash_in_an_id_is_one_segment_of_its_path() -> None:
    played = play(step("a/b"), each("m", [1], step("c~d", "a/b")))
    assert played.started == ["a~1b", "m/0/c~0d"]
