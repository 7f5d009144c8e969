"""A pod template to another version and back, as merge patches of what the API has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underway.cluster.actions import RECORD, CreateReplicaSet, RestoreTemplate, RollTemplate
from underway.cluster.model import Ref
from underway.cluster.templates import replicaset_manifest, template_patch

WEB = Ref("deployment", "shop", "web")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def deployment(**container: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "web", "image": "shop:1", **container}, {"name": "proxy", "image": "proxy:7"}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 3},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def patched(found: Any, patch: Any) -> Any:
    """RFC 7386, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    new = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = patched(new.get(key), value)
    return new


def roll(**fields: Any) -> RollTemplate:
    return RollTemplate(WEB, "u", 3, "roll out", **fields)


def test_only_what_is_asked_for_becomes_another_and_the_old_template_is_noted() -> None:
    found = deployment(env=[{"name": "LEVEL", "value": "1"}, {"name": "KEPT", "value": "x"}])
    patch = template_patch(found, roll(images={"web": "shop:2"}, env={"LEVEL": "2"}, paused=True))
    assert patch["metadata"]["resourceVersion"] == "7"
    new = patched(found, patch)
    web, proxy = new["spec"]["template"]["spec"]["containers"]
    assert web["image"] == "shop:2"
    assert web["env"] == [{"name": "KEPT", "value": "x"}, {"name": "LEVEL", "value": "2"}]
    assert proxy == {"name": "proxy", "image": "proxy:7", "env": [{"name": "LEVEL", "value": "2"}]}
    assert new["spec"]["paused"] is True
    assert json.loads(new["metadata"]["annotations"][RECORD]) == found["spec"]["template"]


def test_a_note_that_is_there_is_not_written_over() -> None:
    found = deployment()
    found["metadata"]["annotations"] = {RECORD: '{"spec": {}}'}
    assert "annotations" not in template_patch(found, roll(images={"web": "shop:3"}))["metadata"]


def test_a_container_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no container named api"):
        template_patch(deployment(), roll(images={"api": "shop:2"}))


@given(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4))
def test_what_is_rolled_is_restored_to_the_letter(more: dict[str, Any]) -> None:
    kept = {key: value for key, value in more.items() if value is not None}
    found = json.loads(json.dumps(deployment(resources=_without_nulls(kept))))
    rolled = patched(found, template_patch(found, roll(images={"web": "shop:2"}, restarted_at="now")))
    assert rolled["spec"]["template"] != found["spec"]["template"]
    back = patched(rolled, template_patch(rolled, RestoreTemplate(WEB, "u", "put back")))
    assert back["spec"]["template"] == found["spec"]["template"]


def _without_nulls(value: Any) -> Any:
    """The API server keeps no nulls."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value if each is not None] if isinstance(value, list) else value


def test_a_replicaset_is_made_as_its_deployments_controller_makes_it() -> None:
    action = CreateReplicaSet(Ref("replicaset", "shop", "web-abc"), WEB, "u", 3, "abc", 3, "make")
    made = replicaset_manifest(deployment(), action)
    labels = {"app": "web", "pod-template-hash": "abc"}
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"] == labels
    assert made["spec"]["selector"]["matchLabels"] == labels
    owner = made["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Deployment", "u", True)
    assert made["spec"]["template"]["spec"] == deployment()["spec"]["template"]["spec"]
