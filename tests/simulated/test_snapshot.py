"""A snapshot gives back what was there; what is cut off, of another kind or unknown is told with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from scenes import at_least, node, service, settled, workload

from underway.cluster.objects import Object
from underway.cluster.snapshot import read, write
from underway.errors import UsageError
from underway.simulated.load import load, simulate

AT = datetime(2026, 11, 23, tzinfo=UTC)


def shop() -> list[Object]:
    cluster = settled(
        *(node(name) for name in "abc"),
        workload("deployment", "web", 3),
        workload("statefulset", "db", 2),
        service("web"),
        at_least("web", 2),
    )
    return list(cluster.state().objects())


def lines() -> list[bytes]:
    return list(write(shop(), AT, "here"))


def test_what_is_written_is_read_again() -> None:
    header, objects = read(lines(), "file")
    assert objects == shop()
    assert (header.at, header.cluster, header.objects) == (AT, "here", len(objects))


def test_pods_of_one_template_share_it() -> None:
    _, objects = read(lines(), "file")
    assert len({id(pod.spec) for pod in objects if type(pod).__name__ == "Pod"}) == 1


def test_cut_off_anywhere_it_is_told() -> None:
    whole = b"\n".join(lines())
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(UsageError, match=r"cut off|no snapshot|no object"):
            read(whole[:length].split(b"\n"), "file")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'["Secret",{"name":"a"}]', "unknown kind `Secret`"),
        (b'["Node",{"uid":"a","name":"a","password":"b"}]', "unknown field `password`"),
        (b'["Pod",{"uid":"a","namespace":"a","name":"a","spec":99}]', "there is no template 99"),
        (b'["Pod",{"uid":"a","namespace":"a","name":"a","spec":-1}]', "there is no template -1"),
        (b'["Pod",{"uid":"a","namespace":"a","name":"a","spec":0,"created":"2026-01-01T00:00:12"}]', "timezone"),
        (b"{}", "Expected `array`"),
    ],
)
def test_an_object_that_it_does_not_know_is_told_with_its_line(line: bytes, said: str) -> None:
    found = lines()
    with pytest.raises(UsageError) as told:
        read([*found[:-1], line], "file")
    assert said in told.value.message
    assert told.value.message.startswith(f"file:{len(found)}:")


@pytest.mark.parametrize(
    ("at", "said"), [(b"2026-01-01T00:00:12", "timezone"), (b"9999-12-31T23:59:59Z", "nobody can have read it in 9999")]
)
def test_a_moment_at_which_nobody_can_have_read_it_is_told(at: bytes, said: str) -> None:
    found = lines()
    with pytest.raises(UsageError, match=rf"file:1: is no snapshot: .*{said}"):
        read([found[0].replace(b"2026-11-23T00:00:00Z", at), *found[1:]], "file")


def test_a_snapshot_of_another_version_is_told() -> None:
    found = lines()
    other = found[0].replace(b"v1alpha1", b"v9")
    with pytest.raises(UsageError, match=r"is a Snapshot of underway.dev/v9"):
        read([other, *found[1:]], "file")


def test_a_file_is_taken_for_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "shop.snapshot"
    file.write_bytes(b"\n".join(lines()) + b"\n")
    cluster = simulate(load([file]))
    assert sorted(cluster.state().objects(), key=lambda found: found.ref) == sorted(shop(), key=lambda found: found.ref)
    assert cluster.now() >= AT


def test_it_holds_what_the_model_knows_and_nothing_else() -> None:
    known = {field.name for found in shop() for field in msgspec.structs.fields(type(found))}
    for line in lines()[2:]:
        assert msgspec.json.decode(line)[1].keys() <= known
