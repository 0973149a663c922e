"""Pages are fetched from a real server on this machine, which a parameter lets through."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.evidence.files import pdf

from kapelle.errors import BadInput, UnreadableSource
from kapelle.evidence.fetch import Validators, fetch
from kapelle.evidence.index_sqlite import SqliteIndex, memory_index
from kapelle.evidence.ingest_url import ingest_url, source_of
from kapelle.evidence.split import split
from kapelle.settings import CorpusSettings

HERE = ("127.0.0.1",)
OWNER = "acme/ann"
PAGE = "<html><title>Rules</title><body><h1>Rules</h1><p>Invoices are kept ten years.</p></body></html>"


class Site(ThreadingHTTPServer):
    """A server whose pages a test changes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = PAGE.encode()
        self.media_type = "text/html; charset=utf-8"
        self.etag = '"v1"'
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.place}{path}"

    def settings(self, **more: Any) -> CorpusSettings:
        return CorpusSettings(allowed_hosts=(self.place,), **{"fetch_timeout": 5.0, **more})


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if self.path.startswith("/to?"):
            self._answer(302, b"", Location=self.path.partition("?")[2])
        elif self.path == "/loop":
            self._answer(302, b"", Location="/loop")
        elif self.path == "/drip":
            self._drip()
        elif self.path == "/endless":
            self._endless()
        elif self.path == "/packed":
            self._answer(200, b"x", **{"Content-Encoding": "gzip"})
        elif self.path == "/missing":
            self._answer(404, b"no")
        elif self.headers.get("If-None-Match") == self.server.etag:
            self._answer(304, b"")
        else:
            self._answer(200, self.server.page, ETag=self.server.etag, **{"Content-Type": self.server.media_type})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        try:
            for piece in b"HTTP/1.1 200 OK\r\nX-Slow: ":
                self.wfile.write(bytes([piece]))
                time.sleep(0.1)
        except OSError:
            return  # the reader gave up

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 10_000)
        except OSError:
            return  # the reader had enough

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A server on a free port."""
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_a_page_is_fetched_as_it_is_with_its_type_and_its_validators(site: Site) -> None:
    fetched = await fetch(site.url("/rules#part"), site.settings(), admit=HERE)
    assert fetched is not None
    assert fetched.content == PAGE.encode()
    assert (fetched.media_type, fetched.charset, fetched.validators.etag) == ("text/html", "utf-8", '"v1"')
    path, headers = site.asked[0]
    assert path == "/rules"
    assert headers["host"] == site.place
    assert headers["accept-encoding"] == "identity"


async def test_what_the_server_says_is_unchanged_is_not_fetched_again(site: Site) -> None:
    assert await fetch(site.url("/"), site.settings(), known=Validators(etag='"v1"'), admit=HERE) is None


async def test_this_machine_is_refused_although_its_name_is_allowed(site: Site) -> None:
    with pytest.raises(BadInput, match="no public address"):
        await fetch(site.url("/"), site.settings())
    assert site.asked == []


async def test_redirects_are_followed_within_the_allowed_hosts_and_counted(site: Site) -> None:
    fetched = await fetch(site.url("/to?/rules"), site.settings(), admit=HERE)
    assert fetched is not None
    assert fetched.url == site.url("/rules")
    with pytest.raises(BadInput, match="not allowed"):
        await fetch(site.url("/to?http://evil.example/"), site.settings(), admit=HERE)
    with pytest.raises(BadInput, match="only http"):
        await fetch(site.url("/to?file:///etc/passwd"), site.settings(), admit=HERE)
    with pytest.raises(UnreadableSource, match="more than 3 redirects"):
        await fetch(site.url("/loop"), site.settings(fetch_redirects=3), admit=HERE)
    assert len([path for path, _ in site.asked if path == "/loop"]) == 4


async def test_each_redirect_is_checked_at_its_own_address(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # A name that stands for one address when it is checked, and for this machine when it is connected to.
    answers = iter([[("127.0.0.1")], [("10.0.0.1")]])

    async def resolve(_: object, host: str, port: int, **__: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in next(answers)]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", resolve)
    port = site.server_address[1]
    settings = CorpusSettings(allowed_hosts=(f"rebinding.example:{port}",), fetch_timeout=5)
    with pytest.raises(BadInput, match="`10.0.0.1`"):
        await fetch(f"http://rebinding.example:{port}/to?/rules", settings, admit=HERE)
    # The first request went to the address that was checked, under the name: nothing was resolved a second time.
    ((path, headers),) = site.asked
    assert path == "/to?/rules"
    assert headers["host"] == f"rebinding.example:{port}"


async def test_a_fetch_is_bounded_in_bytes_and_in_time(site: Site) -> None:
    with pytest.raises(UnreadableSource, match="larger than 50,000 bytes"):
        await fetch(site.url("/endless"), site.settings(fetch_max_bytes=50_000), admit=HERE)
    began = time.monotonic()
    with pytest.raises(UnreadableSource, match=r"within 0\.5 s"):
        await fetch(site.url("/drip"), site.settings(fetch_timeout=0.5), admit=HERE)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(("path", "why"), [("/missing", "404"), ("/packed", "compressed")])
async def test_what_is_no_page_is_said(site: Site, path: str, why: str) -> None:
    with pytest.raises(UnreadableSource, match=why):
        await fetch(site.url(path), site.settings(), admit=HERE)


async def test_a_server_that_is_not_there_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnreadableSource, match="ConnectError"):
        await fetch(f"http://{place}/", CorpusSettings(allowed_hosts=(place,)), admit=HERE)


async def bring(index: SqliteIndex, site: Site, path: str) -> tuple[int, int, int]:
    report = await ingest_url(index, "web", site.url(path), owner=OWNER, settings=site.settings(), admit=HERE)
    return report.added, report.changed, report.unchanged


async def test_a_page_becomes_a_document_whose_source_is_the_address(site: Site) -> None:
    index = memory_index()
    assert await bring(index, site, "/rules") == (1, 0, 0)
    (source,) = index.sources("web", owner=OWNER)
    assert (source.source, source.title) == (site.url("/rules"), "Rules")
    document = index.document(source.document, owner=OWNER)
    assert document.text == PAGE
    assert [passage.text for passage in split(document)] == ["Invoices are kept ten years."]
    assert await bring(index, site, "/rules") == (0, 0, 1)
    site.etag = '"v2"'
    assert await bring(index, site, "/rules") == (0, 0, 1)
    site.page = PAGE.replace("ten", "seven").encode()
    site.etag = '"v3"'
    assert await bring(index, site, "/rules") == (0, 1, 0)
    assert index.search("web", "invoices", owner=OWNER)[0].text == "Invoices are kept seven years."


async def test_the_content_type_decides_the_kind_and_a_change_of_it_leaves_no_second_source(site: Site) -> None:
    index = memory_index()
    site.media_type = "application/pdf"
    site.page = pdf("Contract ends in June.")
    assert await bring(index, site, "/terms") == (1, 0, 0)
    (source,) = index.sources("web", owner=OWNER)
    assert source.source == site.url("/terms#kind=pdf")
    assert index.search("web", "contract", owner=OWNER)[0].section == "page 1"
    site.media_type, site.page, site.etag = "text/html", PAGE.encode(), '"v2"'
    assert await bring(index, site, "/terms") == (0, 1, 0)
    assert [one.source for one in index.sources("web", owner=OWNER)] == [site.url("/terms")]


async def test_another_charset_is_a_conversion_and_a_picture_is_refused(site: Site) -> None:
    index = memory_index()
    site.media_type, site.page = "text/plain; charset=iso-8859-1", "café".encode("latin-1")
    await bring(index, site, "/menu.txt")
    (source,) = index.sources("web", owner=OWNER)
    document = index.document(source.document, owner=OWNER)
    assert (document.text, document.converted) == ("café", True)
    site.media_type, site.etag = "image/png", '"v2"'
    with pytest.raises(UnreadableSource, match="`image/png`"):
        await bring(index, site, "/menu.png")


@pytest.mark.parametrize(
    ("url", "media_type", "source"),
    [
        ("https://a.org/x", "text/html", "https://a.org/x"),
        ("https://a.org/README.md", "text/html", "https://a.org/README.md#kind=html"),
        ("https://a.org/README.md", "text/plain", "https://a.org/README.md"),
        ("https://a.org/x", "text/plain", "https://a.org/x#kind=txt"),
        ("https://a.org/x.txt", "text/plain", "https://a.org/x.txt"),
        ("https://a.org/x.py", "text/plain", "https://a.org/x.py"),
        ("https://a.org/x.py", "text/x-python", "https://a.org/x.py"),
        ("https://a.org/feed", "application/json", "https://a.org/feed#kind=json"),
        ("https://a.org/a.pdf?v=1", "application/pdf", "https://a.org/a.pdf?v=1"),
        ("https://a.org/a.pdf?v=1", "application/octet-stream", "https://a.org/a.pdf?v=1"),
    ],
)
def test_a_source_is_the_address_and_says_its_kind_where_its_name_does_not(
    url: str, media_type: str, source: str
) -> None:
    assert source_of(url, media_type) == source
