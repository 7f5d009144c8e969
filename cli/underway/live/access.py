"""Which permissions the caller has, asked of the server itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from underway.cluster.actions import Need
from underway.cluster.model import LEASE_NAMESPACE
from underway.cluster.wire import RESOURCES
from underway.errors import ClusterUnreachableError
from underway.live.refusal import error_message
from underway.live.transport import Answer, NoAnswerError, Transport

READING: tuple[Need, ...] = tuple(
    Need(verb, found.group, found.plural, LEASE_NAMESPACE if kind == "lease" else "")
    for kind, found in RESOURCES.items()
    for verb in ("list", "watch")
)
"""What a look at the cluster takes."""

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_AT_ONCE = 16
_ATTEMPTS = 4


class _ReviewStatus(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _ReviewStatus = msgspec.field(default_factory=_ReviewStatus)


async def denied(transport: Transport, needs: Iterable[Need]) -> tuple[Need, ...]:
    """Those of the needs that the server does not grant, sorted. Raises ClusterUnreachableError."""
    wanted = sorted(set(needs))
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def granted(need: Need) -> bool:
        async with at_once:
            return await _granted(transport, need)

    answers = await asyncio.gather(*map(granted, wanted))
    return tuple(need for need, answer in zip(wanted, answers, strict=True) if not answer)


async def _granted(transport: Transport, need: Need) -> bool:
    name, _, subresource = need.resource.partition("/")
    attributes = {
        "verb": need.verb,
        "group": need.group,
        "resource": name,
        "subresource": subresource,
        "namespace": need.namespace,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    answer = await ask(transport, "POST", _REVIEWS, body)
    return msgspec.json.decode(answer.body, type=_Review).status.allowed


async def ask(transport: Transport, method: str, path: str, body: object = None) -> Answer:
    """A request that changes nothing, repeated while the server is busy. Raises ClusterUnreachableError."""
    return await _answer(transport, method, path, body, frozenset())


async def ask_whether(transport: Transport, path: str) -> Answer:
    """The same for what may not be there: the answer may be a 404."""
    return await _answer(transport, "GET", path, None, frozenset({HTTPStatus.NOT_FOUND}))


async def _answer(transport: Transport, method: str, path: str, body: object, good: frozenset[int]) -> Answer:
    trouble = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(0.2 * 3 ** (attempt - 1))
        try:
            answer = await transport.send(method, path, body=body)
        except NoAnswerError as error:
            trouble = str(error)
            if not error.sent and attempt:
                break
            continue
        if answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status in good:
            return answer
        trouble = error_message(answer)
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            break
    raise unreachable(transport, trouble)


def unreachable(transport: Transport, trouble: str) -> ClusterUnreachableError:
    return ClusterUnreachableError(
        f"the API server {transport.server} cannot be used: {trouble}",
        "`kubectl version` with the same context and kubeconfig shows whether it answers at all",
    )
