"""How to reach the cluster: kubeconfig or ServiceAccount, through the client library, and nothing asked of it yet."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from underway.errors import ClusterUnreachableError, UsageError
from underway.live.library import Configuration, library
from underway.live.proxy import proxy_for
from underway.live.transport import Transport

_DEFAULT_SECONDS = 60.0
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Connection:
    """`context` and `namespace` are what the kubeconfig says; inside a cluster `in-cluster` and the pod's own."""

    transport: Transport
    context: str
    namespace: str


async def open_connection(
    *,
    context: str | None = None,
    kubeconfig: str | None = None,
    impersonate: str | None = None,
    request_timeout: float | None = None,
) -> Connection:
    """Read the configuration and credentials. `request_timeout` is in seconds; none and 0 mean a minute.

    Raises UsageError (no such file or context) and ClusterUnreachableError (no usable configuration or credentials).
    Close it with `connection.transport.close()`, or by closing the cluster made of it.
    """
    configuration = library().configuration()
    paths = _kubeconfig_paths(kubeconfig)
    if not paths and not context and "KUBERNETES_SERVICE_HOST" in os.environ:
        renew, name, namespace = _in_cluster(configuration)
    else:
        renew, name, namespace = await _from_kubeconfig(configuration, paths, context)
    configuration.proxy = configuration.proxy or proxy_for(configuration.host, os.environ)
    configuration.client_session_kwargs = {"trust_env": False}
    try:
        client = library().api_client(configuration)
    except OSError as error:
        raise ClusterUnreachableError(
            f"the certificates of context `{name}` cannot be used: {error.strerror or type(error).__name__}",
            "the kubeconfig's certificate-authority, client-certificate and client-key have to be PEM",
        ) from None
    headers = {"User-Agent": "underway"} | ({"Impersonate-User": impersonate} if impersonate else {})
    transport = Transport(client, configuration, renew, headers, request_timeout or _DEFAULT_SECONDS)
    return Connection(transport, name, namespace)


def _kubeconfig_paths(given: str | None) -> list[Path]:
    """The files that exist. Raises UsageError for a given one that does not."""
    if given:
        path = Path(given).expanduser()
        if not path.is_file():
            raise UsageError(f"there is no kubeconfig `{given}`")
        return [path]
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    paths = [Path(one).expanduser() for one in named.split(os.pathsep) if one]
    return [path for path in paths if path.is_file()]


def _in_cluster(configuration: Configuration) -> tuple[Callable[[], Awaitable[None]], str, str]:
    async def renew() -> None:
        """The client reads the token file again each minute by itself."""

    try:
        library().load_incluster_config(client_configuration=configuration)
    except library().config_exception as error:
        raise ClusterUnreachableError(f"the pod's ServiceAccount cannot be used: {error}") from None
    own = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return renew, "in-cluster", own.read_text().strip() if own.is_file() else "default"


async def _from_kubeconfig(
    configuration: Configuration, paths: list[Path], context: str | None
) -> tuple[Callable[[], Awaitable[None]], str, str]:
    if not paths:
        raise ClusterUnreachableError(
            "there is no kubeconfig", "name one with --kubeconfig or KUBECONFIG, or write it to ~/.kube/config"
        )
    load = partial(_load, os.pathsep.join(map(str, paths)), context=context, configuration=configuration, where=paths)
    current = (await load()).current_context
    chosen = current.get("context") or {}

    async def renew() -> None:
        await load()

    return renew, str(current.get("name", "")), str(chosen.get("namespace") or "default")


async def _load(files: str, *, context: str | None, configuration: Configuration, where: list[Path]) -> Any:
    """The client's loader, with what it would only log (that a credential plugin failed) as an error."""
    told = _Told()
    logger = logging.getLogger("kubernetes.aio.config.kube_config")
    logger.addHandler(told)
    try:
        loader = await library().load_kube_config(
            config_file=files, context=context, client_configuration=configuration, persist_config=False
        )
    except library().config_exception as error:
        if context and f"name {context} " in f"{error} ":
            raise UsageError(
                f"there is no context `{context}` in {', '.join(map(str, where))}",
                "`kubectl config get-contexts` lists them",
            ) from None
        raise ClusterUnreachableError(f"the kubeconfig cannot be used: {_shortened(str(error))}") from None
    except Exception as error:  # noqa: BLE001 - the loader lets YAML, type and key errors of a broken file through
        raise ClusterUnreachableError(
            f"the kubeconfig {', '.join(map(str, where))} cannot be read ({type(error).__name__})",
            "`kubectl config view` shows what is wrong with it",
        ) from None
    finally:
        logger.removeHandler(told)
    if told.errors:
        raise ClusterUnreachableError(f"the credentials of the context cannot be had: {_shortened(told.errors[0])}")
    return loader


class _Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"
