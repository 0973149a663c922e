"""Notifications over real HTTP: signed, retried with the same id, and never in a run's way."""

import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from tests.builders import Ledger, plan_of, step
from tests.contract.engines import opened, settings_of

from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import ApprovalStep
from kapelle.run.approvals import notify, outbox
from kapelle.run.approvals.notify import Courier
from kapelle.settings import load_settings
from kapelle.testing import asked, set_clock, settle_due

SECRET = "a secret of at least some length"
ASKED = plan_of(
    ApprovalStep(id="ok", action="Go?", why="w", inputs={"arguments": {"n": 1}}, expires_in=100, levels=("a", "b")),
    step("a", after=["ok"]),
)
House = tuple[Orchestrator, Ledger]


class Endpoint:
    """A webhook that takes, refuses or hangs as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[int | float] = []
        """Of each request in turn: a status, or seconds to hang; else 204."""
        self.got: list[tuple[dict[str, str], str]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                endpoint.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                answer = endpoint.answers.pop(0) if endpoint.answers else 204
                if isinstance(answer, float):
                    time.sleep(answer)
                    self.close_connection = True
                    return
                self.send_response(answer)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path, endpoint: Endpoint) -> AsyncIterator[House]:
    approvals = {"webhook_url": endpoint.url, "webhook_secret": SECRET, "webhook_timeout": 0.5}
    given = settings_of(request.param, request)
    async with opened(request.param, tmp_path / "home", approvals=approvals, **given) as made:
        yield made


def courier_of(house: Orchestrator) -> Courier:
    return Courier(house.parts.engine._place.writer, house.settings.approvals)  # type: ignore[attr-defined]


def verified(headers: dict[str, str], body: str, secret: bytes) -> bool:
    """What the guide gives whoever receives messages; it takes the secret as text."""
    guide = (Path(__file__).parents[2] / "docs" / "approvals.md").read_text()
    (code,) = re.findall(r"```python\n(import base64.*?)```", guide, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "approvals.md", "exec"), names)
    return bool(names["verified"](headers, body.encode(), secret.decode()))


async def test_a_question_and_what_becomes_of_it_are_posted_signed(house: House, endpoint: Endpoint) -> None:
    run = await house[0].start("do it", plan=ASKED, approve="never")
    (approval,) = await asked(run)
    courier = courier_of(house[0])
    assert await courier.deliver_due() == 1
    headers, body = endpoint.got[0]
    assert verified(headers, body, SECRET.encode())
    assert not verified(headers, body + " ", SECRET.encode())
    assert not verified(headers, body, b"another")
    data = json.loads(body)["data"]
    assert (data["id"], data["run"], data["action"], data["arguments"]) == (approval.id, run.id, "Go?", {"n": 1})
    assert data["arguments_hash"] == approval.record.arguments_hash
    with set_clock() as clock:
        for _ in range(2):
            clock.advance(76)
            await settle_due(house[0])
            clock.advance(25)
            await settle_due(house[0])
        await courier.deliver_due()
    assert sorted(endpoint.types) == sorted(
        ["approval.requested", "approval.expiring", "approval.escalated", "approval.expiring", "approval.decided"]
    )
    assert await courier.deliver_due() == 0
    assert len({headers["webhook-id"] for headers, _ in endpoint.got}) == 5


async def test_one_that_is_not_taken_is_sent_again_later_under_the_same_id(house: House, endpoint: Endpoint) -> None:
    endpoint.answers = [500, 1.5, 302, 429]
    run = await house[0].start("do it", plan=ASKED, approve="never")
    await asked(run)
    courier = courier_of(house[0])
    with set_clock() as clock:
        assert await courier.deliver_due() == 0
        for pause in (5, 10, 20):
            clock.advance(pause - 1)
            assert await courier.deliver_due() == 0
            count = len(endpoint.got)
            clock.advance(1.5)
            assert await courier.deliver_due() == 0
            assert len(endpoint.got) == count + 1
        clock.advance(41)
        assert await courier.deliver_due() == 1
    assert len(endpoint.got) == 5
    assert len({headers["webhook-id"] for headers, _ in endpoint.got}) == 1
    assert len({body for _, body in endpoint.got}) == 1


async def test_after_a_day_nobody_tries_any_more(house: House, endpoint: Endpoint) -> None:
    endpoint.answers = [500] * 100
    run = await house[0].start("do it", plan=ASKED, approve="never")
    await asked(run)
    courier = courier_of(house[0])
    with set_clock() as clock:
        for _ in range(40):
            await courier.deliver_due()
            clock.advance(3_601)
    assert len(endpoint.got) == 24


async def test_a_dead_endpoint_is_warned_of_once_and_when_it_is_given_up(
    house: House, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.answers = [500] * 100
    await asked(await house[0].start("do it", plan=ASKED, approve="never"))
    told = Mock()
    monkeypatch.setattr(notify, "log", told)
    courier = courier_of(house[0])
    with set_clock() as clock:
        for _ in range(20):
            await courier.deliver_due()
            clock.advance(3_601)
        assert told.warning.call_count == 1
        for _ in range(20):
            await courier.deliver_due()
            clock.advance(3_601)
    assert [call.kwargs["given_up"] for call in told.warning.call_args_list] == [False, True]


async def test_a_dead_endpoint_does_not_hold_up_a_run(house: House, endpoint: Endpoint) -> None:
    endpoint.answers = [5.0] * 10
    run = await house[0].start("do it", plan=ASKED, approve="never")
    (approval,) = await asked(run)
    courier = courier_of(house[0])
    began = time.monotonic()
    await courier.nudge()
    await courier.nudge()
    await approval.approve(by="bo")
    await run.resume()
    assert (await run.wait()).status == "succeeded"
    assert time.monotonic() - began < 2
    await courier.close()


async def test_two_processes_do_not_send_the_same_message_at_once(house: House, endpoint: Endpoint) -> None:
    run = await house[0].start("do it", plan=ASKED, approve="never")
    await asked(run)
    sent = await asyncio.gather(*(courier_of(house[0]).deliver_due() for _ in range(4)))
    assert sum(sent) == 1
    assert len(endpoint.got) == 1


async def test_without_a_webhook_nothing_is_written_for_it(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path / "home") as (house, _):
        run = await house.start("do it", plan=ASKED, approve="never")
        await asked(run)
        writer = house.parts.engine._place.writer  # type: ignore[attr-defined]
        from kapelle import clock

        assert not await writer.write(lambda connection: outbox.is_due(connection, clock.now()))


def test_a_secret_may_be_text_or_base64() -> None:
    from pydantic import SecretStr

    from kapelle.run.approvals.notify import signed_headers

    key = b"0123456789abcdef"
    encoded = SecretStr("whsec_" + base64.b64encode(key).decode())
    headers = signed_headers("msg_1", "{}", encoded, at=int(time.time()))
    assert verified(headers, "{}", key)


def test_a_webhook_needs_a_secret_and_the_secret_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    from kapelle.errors import SettingsError

    monkeypatch.setenv("KAPELLE_APPROVALS__WEBHOOK_URL", "http://127.0.0.1:1/hook")
    with pytest.raises(SettingsError, match="webhook_secret"):
        load_settings()
    monkeypatch.setenv("KAPELLE_APPROVALS__WEBHOOK_SECRET", SECRET)
    assert SECRET in load_settings().secrets
    assert SECRET not in str(load_settings())
