"""Which proxy the environment names for an API server, resolved once (asking for each request costs 0.6 ms).

The rules are those of Go's net/http, which kubectl follows: loopback never goes through a proxy; NO_PROXY takes
domains (with their subdomains), addresses, networks such as 10.0.0.0/8, ports, and `*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit


def proxy_for(server: str, environment: Mapping[str, str]) -> str | None:
    """The proxy's URL, or None. It may hold a password: never print it."""
    parts = urlsplit(server)
    host = parts.hostname or ""
    name = f"{parts.scheme}_proxy"
    proxy = environment.get(name.upper()) or environment.get(name)
    if not proxy or _is_loopback(host):
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    exceptions = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if any(_covers(one.strip().lower(), host, port) for one in exceptions.split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _covers(exception: str, host: str, port: int) -> bool:
    if exception == "*":
        return True
    if "/" in exception:
        with suppress(ValueError):
            return ip_address(host) in ip_network(exception, strict=False)
        return False
    name, colon, only = exception.rpartition(":")
    if colon and only.isdigit() and name.count(":") in (0, 7):
        if int(only) != port:
            return False
        exception = name
    domain = exception.lstrip("*").lstrip(".")
    return bool(domain) and (host == domain or host.endswith("." + domain))
