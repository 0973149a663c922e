"""Post notifications of approvals to a webhook, signed; a dead endpoint holds up nothing."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import time

import httpx2
from pydantic import SecretStr

from kapelle import clock
from kapelle.errors import KapelleError
from kapelle.run.approvals import outbox
from kapelle.run.approvals.outbox import Notification
from kapelle.settings import ApprovalSettings
from kapelle.store.commit import Writer
from kapelle.telemetry.logs import log
from kapelle.telemetry.redact import redact_text


class Courier:
    """Delivers what is in the outbox, at least once and under the same id each time.

    Any number of processes may deliver from one outbox: each message is claimed before it is sent.
    """

    def __init__(self, writer: Writer, settings: ApprovalSettings) -> None:
        self._writer = writer
        self._url = settings.webhook_url
        self._secret = settings.webhook_secret
        self._timeout = settings.webhook_timeout
        self._round: asyncio.Task[None] | None = None

    async def nudge(self) -> None:
        """Begin a round beside everything else, unless one is under way; to be called again and again."""
        if self._url is None or (self._round is not None and not self._round.done()):
            return
        self._round = asyncio.create_task(self._deliver_quietly(), name="kapelle-courier")

    async def close(self) -> None:
        """Give up the round under way; what it had claimed is due again after a minute."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    async def _deliver_quietly(self) -> None:
        try:
            await self.deliver_due()
        except KapelleError as error:  # the database is gone for now: the next round finds the same messages
            log.warning("courier", error=str(error))

    async def deliver_due(self) -> int:
        """Send what is due, at once; how many were taken in."""
        now = clock.now()
        if self._url is None or not await self._writer.write(lambda connection: outbox.is_due(connection, now)):
            return 0
        claimed = await self._writer.write(lambda connection: outbox.claim(connection, now))
        async with httpx2.AsyncClient(timeout=self._timeout, follow_redirects=False) as client:
            sent = await asyncio.gather(*(self._deliver(client, message) for message in claimed))
        return sum(sent)

    async def _deliver(self, client: httpx2.AsyncClient, message: Notification) -> bool:
        error = await self._send(client, message)
        now = clock.now()
        if error is None:
            await self._writer.write(lambda connection: outbox.delivered(connection, message, now))
        else:
            over = await self._writer.write(lambda connection: outbox.failed(connection, message, now, error))
            # Once when it fails and once when it is given up: every command in between tries it again.
            say = log.warning if over or message.attempts == 1 else log.debug
            say("notification.failed", id=message.id, attempts=message.attempts, given_up=over, error=error)
        return error is None

    async def _send(self, client: httpx2.AsyncClient, message: Notification) -> str | None:
        """Post one message; why it was not taken, if so."""
        assert self._url is not None
        assert self._secret is not None
        headers = signed_headers(message.id, message.body, self._secret, at=int(time.time()))
        try:
            # The client limits each part of an exchange; this limits the whole, whatever drips in.
            async with asyncio.timeout(self._timeout):
                answer = await client.post(self._url, content=message.body.encode(), headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            return redact_text(f"{type(error).__name__}: {error}")
        return None if answer.is_success else f"answered {answer.status_code}"


def signed_headers(id: str, body: str, secret: SecretStr, *, at: int) -> dict[str, str]:
    """The headers of a message: its id, the time it is sent (seconds since 1970), and the signature over both and
    the body, as the Standard Webhooks specification has them."""
    signature = base64.b64encode(hmac.digest(_key(secret), f"{id}.{at}.{body}".encode(), hashlib.sha256)).decode()
    return {
        "content-type": "application/json; charset=utf-8",
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: SecretStr) -> bytes:
    """The secret's bytes: base64 behind `whsec_`, else the text itself."""
    text = secret.get_secret_value()
    if text.startswith("whsec_"):
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return text.encode()
