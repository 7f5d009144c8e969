"""The few parts of the Kubernetes client that Underway stands on, imported without the rest.

`import kubernetes.aio` also imports the synchronous client, the OAuth stack and every stream helper: 0.44 s, of which
0.25 s serve nothing here, on each `underway drain`. So the packages around the needed modules stand in empty while
these are imported. If another version of the client does not allow that, it is imported in the ordinary way.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

_AROUND = ("kubernetes", "kubernetes.aio", "kubernetes.aio.utils")


class Configuration(Protocol):
    """The fields of the client's Configuration that are used."""

    host: str
    proxy: str | None
    client_session_kwargs: dict[str, Any] | None

    async def get_api_key_with_prefix(self, identifier: str, alias: str | None = None) -> str | None: ...


class ApiClient(Protocol):
    async def call_api(
        self,
        method: str,
        url: str,
        header_params: dict[str, str] | None = None,
        body: Any = None,
        *,
        _request_timeout: Any = None,
        _preload_content: bool = True,
    ) -> Any: ...

    async def close(self) -> None: ...


class Library(NamedTuple):
    api_client: Callable[[Configuration], ApiClient]
    configuration: Callable[[], Configuration]
    load_kube_config: Callable[..., Awaitable[Any]]
    load_incluster_config: Callable[..., None]
    config_exception: type[Exception]


@cache
def library() -> Library:
    try:
        return _import_alone()
    except (ImportError, AttributeError):
        return _import()


def _import() -> Library:
    client = import_module("kubernetes.aio.client.api_client")
    config = import_module("kubernetes.aio.config")
    return Library(
        client.ApiClient,
        client.Configuration,
        config.load_kube_config,
        config.load_incluster_config,
        config.ConfigException,
    )


def _import_alone() -> Library:
    spec = find_spec("kubernetes")
    if spec is None or spec.submodule_search_locations is None or any(name in sys.modules for name in _AROUND):
        return _import()
    root = Path(spec.submodule_search_locations[0])
    try:
        for name in _AROUND:
            empty = ModuleType(name)
            empty.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
            sys.modules[name] = empty
        return _import()
    finally:
        for name in _AROUND:
            del sys.modules[name]
