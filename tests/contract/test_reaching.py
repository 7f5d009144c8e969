"""Configuration, credentials and permissions: every mistake is named, and no secret is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api_faults import Fault
from api_server import api_server
from reach import kubeconfig, live, play, reach

from underway.cluster.actions import Need
from underway.errors import ClusterUnreachableError, UnderwayError, UsageError
from underway.live.access import READING, denied
from underway.live.cluster import connect
from underway.live.connection import open_connection
from underway.live.proxy import proxy_for

SECRET = "s3cr3t-t0k3n"


async def attempt(**options: Any) -> None:
    connection = await open_connection(**options)
    try:
        await connect(connection)
    finally:
        await connection.transport.close()


async def refused(**options: Any) -> UnderwayError:
    with pytest.raises(UnderwayError) as caught:
        await attempt(**options)
    return caught.value


def test_the_context_and_its_namespace_are_known(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            connection = await reach(server, tmp_path)
            assert (connection.context, connection.namespace) == ("here", "shop")
            await connection.transport.close()

    play(story())


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        path = kubeconfig(tmp_path, "http://127.0.0.1:1")
        error = await refused(kubeconfig=path, context="prod")
        assert isinstance(error, UsageError)
        assert error.message == f"there is no context `prod` in {path}"

    play(story())


def test_a_kubeconfig_that_is_not_there_is_named() -> None:
    async def story() -> None:
        error = await refused(kubeconfig="/nowhere/config")
        assert isinstance(error, UsageError)
        assert error.message == "there is no kubeconfig `/nowhere/config`"

    play(story())


def test_no_kubeconfig_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    async def story() -> None:
        error = await refused()
        assert isinstance(error, ClusterUnreachableError)
        assert error.message == "there is no kubeconfig"

    play(story())


@pytest.mark.parametrize(
    "text",
    ["", "[", "nonsense", "current-context: x", f"users: [{{name: u, user: {{token: {SECRET}}}}}]\nclusters: 3", "\0"],
    ids=["empty", "no YAML", "a word", "half", "wrong types", "binary"],
)
def test_a_broken_kubeconfig_is_an_error_without_a_secret(text: str, tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "kubeconfig"
        path.write_text(text)
        error = await refused(kubeconfig=str(path))
        assert isinstance(error, ClusterUnreachableError)
        assert SECRET not in f"{error.message} {error.hint}"

    play(story())


def test_certificates_that_are_none_are_an_error(tmp_path: Path) -> None:
    async def story() -> None:
        user = {"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}
        error = await refused(kubeconfig=kubeconfig(tmp_path, "https://127.0.0.1:1", **user))
        assert isinstance(error, ClusterUnreachableError)
        assert "certificates of context `here`" in error.message

    play(story())


def test_a_credential_plugin_that_fails_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": ["-c", "echo log in first >&2; exit 3"],
        }
        error = await refused(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1", exec=plugin))
        assert isinstance(error, ClusterUnreachableError)
        assert "log in first" in error.message

    play(story())


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        error = await refused(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1", token=SECRET))
        assert isinstance(error, ClusterUnreachableError)
        assert error.message == "the API server http://127.0.0.1:1 cannot be used: Connection refused"

    play(story())


def test_credentials_that_are_not_accepted(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            server.token = "another"
            error = await refused(kubeconfig=kubeconfig(tmp_path, server.url, token=SECRET))
            assert isinstance(error, ClusterUnreachableError)
            assert error.message == f"the API server {server.url} does not accept the credentials"

    play(story())


def test_a_list_that_is_forbidden_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            body = {"kind": "Status", "message": "nodes is forbidden"}
            server.faults.append(Fault("GET", "/nodes", status=403, body=body))
            error = await refused(kubeconfig=kubeconfig(tmp_path, server.url))
            assert error.message == "not permitted to read nodes: nodes is forbidden"

    play(story())


def test_something_else_than_an_api_server_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            server.faults.append(Fault("GET", "", status=200, body=["<html>"], times=999))
            error = await refused(kubeconfig=kubeconfig(tmp_path, server.url))
            assert error.message.endswith("this is not the Kubernetes API's answer")

    play(story())


def test_a_token_that_ran_out_is_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        token = tmp_path / "token"
        token.write_text("first")
        async with api_server() as server:
            server.token = "first"
            connection = await open_connection(kubeconfig=kubeconfig(tmp_path, server.url, tokenFile=str(token)))
            assert await denied(connection.transport, READING) == ()
            server.token = "second"
            token.write_text("second")
            assert await denied(connection.transport, READING) == ()
            await connection.transport.close()

    play(story())


def test_each_missing_permission_is_found_before_anything_is_read(tmp_path: Path) -> None:
    async def story() -> None:
        evict = Need("create", "", "pods/eviction", "shop")
        patch = Need("patch", "", "nodes")
        missing = [
            {"verb": "create", "resource": "pods", "subresource": "eviction", "namespace": "shop"},
            {"verb": "watch", "group": "apps", "resource": "replicasets"},
        ]
        async with api_server() as server:
            server.permits = lambda asked: asked not in missing
            connection = await reach(server, tmp_path)
            found = await denied(connection.transport, (*READING, evict, patch))
            assert found == (evict, Need("watch", "apps", "replicasets"))
            assert not server.asked("GET")
            await connection.transport.close()

    play(story())


def test_asking_for_permissions_outlasts_a_busy_server(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            server.faults.append(Fault("POST", "/selfsubjectaccessreviews", status=429, times=2))
            server.faults.append(Fault("POST", "/selfsubjectaccessreviews", cut=True))
            connection = await reach(server, tmp_path)
            assert await denied(connection.transport, READING) == ()
            await connection.transport.close()

    play(story())


def test_requests_are_made_as_somebody_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server:
            connection = await reach(server, tmp_path, impersonate="system:serviceaccount:underway:underway")
            await denied(connection.transport, READING[:1])
            assert server.seen[0].headers["Impersonate-User"] == "system:serviceaccount:underway:underway"
            await connection.transport.close()

    play(story())


@pytest.mark.parametrize(
    ("server", "exceptions", "proxied"),
    [
        ("https://api.example.com", "", True),
        ("http://api.example.com", "", False),
        ("https://api.example.com", "example.com", False),
        ("https://api.example.com", ".example.com", False),
        ("https://api.example.com", "*.example.com", False),
        ("https://api.example.com", "ample.com", True),
        ("https://api.example.com:6443", "api.example.com:6443", False),
        ("https://api.example.com:6443", "api.example.com:443", True),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://11.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "*", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://localhost", "", False),
    ],
)
def test_a_proxy_is_used_as_kubectl_does(server: str, exceptions: str, proxied: bool) -> None:  # noqa: FBT001
    found = proxy_for(server, {"HTTPS_PROXY": "proxy.example.com:3128", "NO_PROXY": exceptions})
    assert found == ("http://proxy.example.com:3128" if proxied else None)


def test_interrupting_says_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with api_server() as server, live(server, tmp_path):
            program = """
import asyncio, os, signal, sys
from underway.live.cluster import connect
from underway.live.connection import open_connection
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
async def main():
    cluster = await connect(await open_connection(kubeconfig=sys.argv[1]))
    asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGINT)
    try:
        await cluster.changed(cluster.now().replace(year=2100))
        await asyncio.sleep(60)
    finally:
        await cluster.close()
try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""
            command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "kubeconfig")]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            told, _ = await process.communicate()
            assert (process.returncode, told.decode()) == (130, "")

    play(story())


def test_the_client_is_imported_without_what_nobody_needs() -> None:
    program = """
import sys
from underway.live.library import library
library()
assert "kubernetes.client" not in sys.modules and "kubernetes" not in sys.modules
import kubernetes
assert kubernetes.client.CoreV1Api
"""
    subprocess.run([sys.executable, "-c", program], check=True)
