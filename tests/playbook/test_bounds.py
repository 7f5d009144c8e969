"""What the language's fields take and where it ends: common fields of gates, strange text, work that stays linear."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from underway.playbook.diagnostics import BrokenPlaybookError
from underway.playbook.gates import GATE_KINDS, Gate
from underway.playbook.load import from_command_line, load_text
from underway.playbook.models import VERBS, Playbook
from underway.playbook.schema import json_schema
from underway.units import Share

HEAD = "apiVersion: underway.dev/v1alpha1\nkind: Playbook\nmetadata: {name: bounds}\n"
EXPONENTIAL = "(a+)+" * 500


def _loaded(spec: str) -> Playbook:
    return load_text(f"{HEAD}spec:\n{spec}".encode(), "bounds.yaml")


def _refused(spec: str) -> str:
    with pytest.raises(BrokenPlaybookError) as refused:
        _loaded(spec)
    return refused.value.message


def test_common_fields_may_stand_inside_a_gate_or_beside_it() -> None:
    inside = Gate.model_validate({"service": {"name": "shop/web", "for": "5s", "failures": 2, "initialDelay": "1s"}})
    beside = Gate.model_validate({"service": {"name": "shop/web"}, "for": "5s", "failures": 2, "initialDelay": "1s"})
    assert inside == beside
    assert beside.for_ == timedelta(seconds=5)


def test_the_every_of_an_http_gate_inside_it_is_that_of_its_requests() -> None:
    gate = Gate.model_validate({"http": {"url": "http://127.0.0.1/", "every": "20ms"}, "every": "1s"})
    assert gate.http is not None
    assert gate.http.every == timedelta(milliseconds=20)
    assert gate.every == timedelta(seconds=1)


def test_objects_may_be_named_as_kubectl_prints_them() -> None:
    playbook = _loaded(
        "  guards: [{service: {name: svc/shop/web}}, {workload: {name: deploy/shop/web}}]\n"
        "  steps: [{nodes: {select: {names: [node/worker-1]}}}, {quarantine: {pod: pod/shop/web-0}}]\n"
    )
    service, workload = playbook.spec.guards
    nodes, quarantine = playbook.spec.steps
    assert service.service is not None
    assert service.service.name == "shop/web"
    assert workload.workload is not None
    assert str(workload.workload.name) == "deployment/shop/web"
    assert nodes.nodes is not None
    assert nodes.nodes.select.names == ("worker-1",)
    assert nodes.nodes.max_unavailable == Share(1)
    assert quarantine.quarantine is not None
    assert quarantine.quarantine.pod == "shop/web-0"


def test_a_mistake_in_the_command_line_s_own_step_is_told() -> None:
    step = {"nodes": {"select": {"names": ["Worker"]}, "drain": {"settle": "soon"}}}
    with pytest.raises(BrokenPlaybookError) as refused:
        from_command_line("drain", [step])
    assert len(refused.value.diagnostics) == 2


@pytest.mark.parametrize("escape", [r"\0", r"\ud800", r"\U99999999", r"\UFFFFFFFF"])
def test_an_escape_that_is_no_character_is_refused(escape: str) -> None:
    assert "bounds.yaml:" in _refused(f'  steps: [{{job: {{image: a, command: ["{escape}"]}}}}]\n')


def test_a_version_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(BrokenPlaybookError, match="out of range"):
        load_text(b"%YAML 1." + b"9" * 5000 + b"\n---\na: b\n", "bounds.yaml")


@pytest.mark.parametrize(
    "value",
    ["${" * 30_000, "${a" * 20_000, "$$" * 30_000, "a.a" * 20_000, "a=b," * 15_000, EXPONENTIAL, "1s" * 30_000],
    ids=["opened", "named", "dollars", "dots", "selector", "expression", "duration"],
)
@pytest.mark.parametrize(
    "step",
    [
        "{{name: '{}', soak: {{for: 1s}}}}",
        "{{soak: {{for: '{}'}}}}",
        "{{nodes: {{select: {{labels: '{}'}}}}}}",
        "{{job: {{image: '{}'}}}}",
        "{{check: {{gates: [{{http: {{url: 'http://{}', body: '{}'}}}}]}}}}",
    ],
    ids=["name", "duration", "selector", "image", "http"],
)
def test_no_value_takes_more_than_linear_time(step: str, value: str) -> None:
    begun = time.monotonic()
    try:
        _loaded(f"  steps:\n    - {step.format(value, value)}\n")
    except BrokenPlaybookError as error:
        assert all(len(found.message) < 1000 for found in error.diagnostics)  # noqa: PT017 - some are right
    assert time.monotonic() - begun < 5


def test_a_value_that_is_too_long_is_refused() -> None:
    assert "too long" in _refused(f"  steps: [{{name: '{'y' * 100_000}', soak: {{for: 1s}}}}]\n")


def test_the_schema_has_every_verb_and_gate_and_takes_variables_for_values() -> None:
    definitions = json_schema()["$defs"]
    assert [found["required"][0] for found in definitions["Step"]["oneOf"]] == list(VERBS)
    assert [found["required"][0] for found in definitions["Gate"]["oneOf"]] == list(GATE_KINDS)
    assert {"for", "failures", "initialDelay"} <= definitions["ServiceGate"]["properties"].keys()
    assert "${" in str(definitions["ScaleStep"]["properties"]["by"]).replace("\\", "")
