"""A fetch goes to allowed hosts at public addresses, and nowhere else."""

import pytest

from kapelle.errors import BadInput
from kapelle.evidence.addresses import check_url, choose_address, is_public


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "::127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:db8::1", "2001:0:1::1", "", "localhost", "0x7f.1",
    ],
)  # fmt: skip
def test_no_other_address_is(address: str) -> None:
    assert not is_public(address)


def test_one_address_that_is_not_public_refuses_the_name() -> None:
    assert choose_address(["93.184.216.34"], "example.com") == "93.184.216.34"
    with pytest.raises(BadInput, match=r"example.com.*`10.0.0.1`.*no public address"):
        choose_address(["93.184.216.34", "10.0.0.1"], "example.com")
    assert choose_address(["127.0.0.1"], "x", admit=["127.0.0.1"]) == "127.0.0.1"
    with pytest.raises(BadInput, match="no address"):
        choose_address([], "example.com")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.com/a?b=c", ["example.com"]),
        ("http://EXAMPLE.com:80/", ["example.com"]),
        ("https://docs.example.com/", ["*.example.com"]),
        ("http://example.com:8080/", ["example.com:8080"]),
    ],
)
def test_a_host_on_the_list_is_allowed(url: str, allowed: list[str]) -> None:
    assert check_url(url, allowed).hostname


@pytest.mark.parametrize(
    ("url", "allowed", "why"),
    [
        ("https://example.com/", [], r"allowed: none\); set KAPELLE_CORPUS__ALLOWED_HOSTS=example.com"),
        ("https://example.com.evil.org/", ["example.com"], "not allowed"),
        ("https://evilexample.com/", ["*.example.com"], "not allowed"),
        ("https://example.com/", ["*.example.com"], "not allowed"),
        ("https://example.com:8443/", ["example.com"], "example.com:8443"),
        ("https://example.com@evil.org/", ["example.com"], "user or password"),
        ("https://ann:secret@example.com/", ["example.com"], "user or password"),
        ("file:///etc/passwd", ["example.com"], "only http"),
        ("ftp://example.com/", ["example.com"], "only http"),
        ("https:///path", ["example.com"], "only http"),
        ("https://example.com:99999/", ["example.com"], "no address"),
        ("https://example.com/a\nHost: x", ["example.com"], "only http"),
    ],
)
def test_any_other_is_refused_with_what_to_do(url: str, allowed: list[str], why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        check_url(url, allowed)
    assert "secret" not in str(caught.value)
