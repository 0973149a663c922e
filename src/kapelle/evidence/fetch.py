"""Fetch a page from an allowed host: bounded in redirects, bytes and time, and only from public addresses.

The name is resolved once for each request and the connection goes to the very address that was checked, so a name that
changes its address in between (DNS rebinding) gains nothing. No proxy of the environment is asked.
"""

import asyncio
import socket
import ssl
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urldefrag, urljoin

import httpx2

from kapelle._version import __version__
from kapelle.errors import BadInput, UnreadableSource
from kapelle.evidence.addresses import check_url, choose_address
from kapelle.settings import CorpusSettings

_MOVED = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said of a version, to ask whether it is still the one."""

    etag: str = ""
    modified: str = ""
    """Its `Last-Modified`."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a fetch."""

    url: str
    """Where it was found in the end."""
    content: bytes
    media_type: str
    charset: str
    validators: Validators


async def fetch(
    url: str, settings: CorpusSettings, *, known: Validators | None = None, admit: Collection[str] = ()
) -> Fetched | None:
    """Fetch an address; None when it is still as `known`.

    Args:
        admit: addresses that are let through though they are not public, for tests on this machine.

    Raises:
        BadInput: it, or where it leads, is not allowed.
        UnreadableSource: it does not answer, not in time, with too much, or with an error.
    """
    try:
        async with asyncio.timeout(settings.fetch_timeout):
            return await _follow(urldefrag(url).url, settings, known or Validators(), admit)
    except TimeoutError:
        raise UnreadableSource(
            f"`{url}` did not answer within {settings.fetch_timeout:g} s (`KAPELLE_CORPUS__FETCH_TIMEOUT`)"
        ) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UnreadableSource(f"`{url}` cannot be fetched ({type(error).__name__}: {str(error)[:200]})") from None


async def _follow(url: str, settings: CorpusSettings, known: Validators, admit: Collection[str]) -> Fetched | None:
    # A client for each request: no connection is used again for another name.
    for _ in range(settings.fetch_redirects + 1):
        parts = check_url(url, settings.allowed_hosts)
        address = await _resolve(parts, admit)
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=settings.fetch_timeout, verify=_certificates()) as client,
            _asked(client, httpx2.URL(url), address, known) as answer,
        ):
            if answer.status_code in _MOVED:
                url = _next(url, answer.headers.get("location", ""))
                continue
            return await _read(url, answer, settings.fetch_max_bytes)
    raise UnreadableSource(
        f"`{url}`: more than {settings.fetch_redirects} redirects (`KAPELLE_CORPUS__FETCH_REDIRECTS`)"
    )


async def _resolve(parts: SplitResult, admit: Collection[str]) -> str:
    host = str(parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreadableSource(f"host `{host}` is not known ({error})") from None
    return choose_address([str(one[4][0]) for one in found], host, admit=admit)


def _asked(
    client: httpx2.AsyncClient, url: httpx2.URL, address: str, known: Validators
) -> AbstractAsyncContextManager[httpx2.Response]:
    """Ask at an address for what a URL names; its certificate is checked for the name."""
    asked = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    headers = {
        "Host": url.netloc.decode("ascii"),
        "User-Agent": f"kapelle/{__version__}",
        # What is compressed may be a thousand times larger than it looks.
        "Accept-Encoding": "identity",
        **{name: value for name, value in asked.items() if value},
    }
    name = {"sni_hostname": url.raw_host.decode("ascii")} if url.scheme == "https" else {}
    return client.stream("GET", url.copy_with(host=address), headers=headers, extensions=name)


@cache
def _certificates() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than a call."""
    return httpx2.create_ssl_context()


def _next(url: str, location: str) -> str:
    if not location:
        raise UnreadableSource(f"`{url}` redirects to nowhere")
    there = urldefrag(urljoin(url, location)).url
    if url.startswith("https:") and not there.startswith("https:"):
        raise BadInput(f"`{url}` redirects to `{there[:200]}`, which is not encrypted; it is not followed")
    return there


async def _read(url: str, answer: httpx2.Response, max_bytes: int) -> Fetched | None:
    if answer.status_code == 304:
        return None
    if answer.status_code != 200:
        raise UnreadableSource(f"`{url}` answered {answer.status_code}; expected 200")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnreadableSource(f"`{url}` is compressed though it was asked not to be; fetch it by other means")
    content = bytearray()
    async for piece in answer.aiter_raw():
        content += piece
        if len(content) > max_bytes:
            raise UnreadableSource(f"`{url}` is larger than {max_bytes:,} bytes (`KAPELLE_CORPUS__FETCH_MAX_BYTES`)")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(
        url=url,
        content=bytes(content),
        media_type=media_type,
        charset=(answer.charset_encoding or "utf-8").lower(),
        validators=Validators(answer.headers.get("etag", ""), answer.headers.get("last-modified", "")),
    )
