"""`underway rbac`: the least that a playbook needs to be allowed, as RBAC objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from underway.commands.options import (
    REQUEST_TIMEOUT,
    As,
    Context,
    Kubeconfig,
    Namespace,
    RequestTimeout,
    Set,
    Target,
    Vars,
    variables,
)
from underway.errors import UsageError

if TYPE_CHECKING:
    from underway.playbook.models import Playbook

OWN_NAMESPACE = "underway"

PlaybookFile = Annotated[Path, typer.Argument(metavar="PLAYBOOK", help="The playbook to allow.", show_default=False)]
Account = Annotated[
    str | None,
    typer.Option(
        "--service-account",
        help="Who runs it: NAMESPACE/NAME. By default underway/underway-PLAYBOOK, with its namespace.",
        show_default=False,
    ),
]
Form = Annotated[Literal["yaml", "json"], typer.Option("--output", "-o", help="Output format: yaml or json.")]


def rbac(
    playbook: PlaybookFile,
    sets: Set = [],  # noqa: B006 - Typer makes a new one
    vars_files: Vars = [],  # noqa: B006 - Typer makes a new one
    service_account: Account = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = None,
    impersonate: As = None,
    request_timeout: RequestTimeout = REQUEST_TIMEOUT,
    output: Form = "yaml",
) -> None:
    """Print the least that has to be allowed to run a playbook, for kubectl apply -f -; changes nothing."""
    import asyncio

    import msgspec

    from underway.engine import preflight
    from underway.engine.locating import known_without_cluster, located
    from underway.live.access import READING
    from underway.playbook.load import load
    from underway.report.rbac import as_yaml, objects

    asked = load(playbook, sets=variables(sets), vars_files=vars_files)
    name = f"underway-{asked.metadata.name}"
    own, account = _account(service_account, name)
    where = namespace or "default"
    if known_without_cluster(asked):
        found = located(asked, where)
    else:
        target = Target(context, kubeconfig, namespace, impersonate, request_timeout)
        found, where = asyncio.run(_located_on(asked, target))
    needs = preflight.needs(found, where)
    if namespace is None and needs != preflight.needs(located(asked, "-"), "-"):
        typer.echo(f"what names no namespace is taken to be in `{where}`: say another with -n", err=True)
    whole = objects((*READING, *needs), name, account, own, own_namespace=service_account is None)
    if output == "json":
        listed = {"apiVersion": "v1", "kind": "List", "items": whole}
        typer.echo(msgspec.json.format(msgspec.json.encode(listed), indent=2).decode())
    else:
        typer.echo(as_yaml(whole))


def _account(given: str | None, name: str) -> tuple[str, str]:
    if given is None:
        return OWN_NAMESPACE, name
    namespace, slash, account = given.partition("/")
    if not slash or not namespace or not account or "/" in account:
        raise UsageError(f"`--service-account {given}` names no ServiceAccount", "write it as NAMESPACE/NAME")
    return namespace, account


async def _located_on(playbook: Playbook, target: Target) -> tuple[Playbook, str]:
    from underway.commands.reach import opened, with_places

    async with opened(target) as connection:
        namespace = target.namespace or connection.namespace
        return await with_places(playbook, connection, namespace), namespace
