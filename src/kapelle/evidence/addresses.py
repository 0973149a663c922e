"""Decide where a fetch may go: which hosts are allowed, and which addresses are public."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from kapelle.errors import BadInput

_PORTS = {"http": 80, "https": 443}
_SETTING = "KAPELLE_CORPUS__ALLOWED_HOSTS"
# Each holds an IPv4 address inside, which may be a private one.
_HOLDING_IPV4 = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))


def check_url(url: str, allowed: Collection[str]) -> SplitResult:
    """Take a URL apart, and hold it against the allowed hosts.

    Args:
        allowed: `example.com` (its usual ports), `example.com:8080`, `*.example.com` (hosts below it).

    Raises:
        BadInput: it is no http(s) address, names a user, or its host is not allowed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise BadInput(f"`{url[:200]}` is no address; expected https://HOST/PATH") from None
    if parts.scheme not in _PORTS or not parts.hostname or not url.isprintable() or " " in url:
        raise BadInput(f"`{url[:200]}`: only http:// and https:// addresses are fetched")
    if "@" in parts.netloc:
        raise BadInput(f"`{parts.scheme}://...@{parts.hostname}`: an address with a user or password is not fetched")
    host = parts.hostname.lower().rstrip(".")
    place = host if port == _PORTS[parts.scheme] else f"{host}:{port}"
    if not any(_fits(place, one.lower()) for one in allowed):
        known = ", ".join(sorted(allowed)) or "none"
        raise BadInput(
            f"host `{place}` is not allowed (allowed: {known}); "
            f"set {_SETTING}={','.join([*sorted(allowed), place])} to fetch from it"
        )
    return parts


def _fits(place: str, allowed: str) -> bool:
    return place.endswith(allowed[1:]) if allowed.startswith("*.") else place == allowed


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, and of no form that hides another."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and any(found in one for one in _HOLDING_IPV4):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def choose_address(addresses: Collection[str], host: str, *, admit: Collection[str] = ()) -> str:
    """The address to connect to, of those that a host's name stands for.

    Args:
        admit: addresses that are let through though they are not public.

    Raises:
        BadInput: one of them is not public: such a name is not to be trusted.
    """
    for address in addresses:
        if address not in admit and not is_public(address):
            raise BadInput(f"host `{host}` is at `{address}`, which is no public address; it is not fetched")
    if not addresses:
        raise BadInput(f"host `{host}` has no address")
    return next(iter(addresses))
