"""No change of values loses a worker's volume, moves a selector, or runs a tail twice."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.chart_options import CASES, GONE, Case, merged, nested

from helm.render import CHART, Chart, Rendering
from producer.publish.outlet import Identity

FIXED = ("serviceName", "podManagementPolicy", "selector", "volumeClaimTemplates")
"""What Kubernetes does not let change in a StatefulSet."""

KNOWN = {
    "nameOverride": {"selector", "serviceName", "volumeClaimTemplates"},
    "fullnameOverride": {"serviceName"},
    "worker.podManagementPolicy": {"podManagementPolicy"},
    "worker.persistence.enabled": {"volumeClaimTemplates"},
    "worker.persistence.size": {"volumeClaimTemplates"},
    "worker.persistence.storageClassName": {"volumeClaimTemplates"},
    "worker.persistence.accessModes": {"volumeClaimTemplates"},
}
"""The values that set such a field; Kubernetes refuses the change, or another name makes other objects."""


def fixed(rendering: Rendering) -> dict[str, Any]:
    spec = rendering.one("StatefulSet", "worker")["spec"]
    return {name: spec.get(name) for name in FIXED}


def differences(one: object, other: object, path: str = "") -> set[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() | other.keys()
        return {d for key in keys for d in differences(one.get(key), other.get(key), f"{path}/{key}")}
    return set() if one == other else {path}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.value)
def test_a_change_leaves_what_cannot_change(chart: Chart, minimal: Path, base: Rendering, case: Case) -> None:
    after = chart.render(minimal, values=merged(case.given, nested(case.value, case.set_to)))
    before, now = fixed(base), fixed(after)
    assert {name for name in FIXED if before[name] != now[name]} == KNOWN.get(case.value, set())
    if case.value not in ("nameOverride", "fullnameOverride"):
        selectors = [each.one("Deployment", "producer")["spec"]["selector"] for each in (base, after)]
        assert selectors[0] == selectors[1]


def test_known_values_are_documented(chart: Chart) -> None:
    text = chart.run("show", "readme", str(CHART))
    for name in (name for name in KNOWN if name.startswith("worker.persistence")):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}`")]
        assert "Cannot be changed while the StatefulSet exists" in row


@pytest.mark.parametrize(
    ("values", "owner"),
    [
        ({"producer": {"replicas": 7}}, ("Deployment", "producer")),
        ({"worker": {"replicas": 7}}, ("StatefulSet", "worker")),
    ],
)
def test_rescaling_changes_the_count_alone(
    chart: Chart, minimal: Path, base: Rendering, values: dict[str, Any], owner: tuple[str, str]
) -> None:
    after = chart.render(minimal, values=values)
    assert differences(base.one(*owner), after.one(*owner)) == {"/spec/replicas"}
    others = [each for each in after.objects if each["kind"] != owner[0]]
    assert others == [each for each in base.objects if each["kind"] != owner[0]]


def test_autoscaling_takes_the_count_away_and_nothing_else(chart: Chart, minimal: Path, base: Rendering) -> None:
    after = chart.render(minimal, values={"worker": {"autoscaling": {"type": "hpa"}}})
    found = differences(base.one("StatefulSet", "worker"), after.one("StatefulSet", "worker"))
    assert found == {"/spec/replicas"}


def test_a_tail_has_one_identity_whatever_pod_runs_it(cases: dict[str, Rendering]) -> None:
    """Prefix, foundation and feed make the transactional id; no producer knows its pod's name."""
    assert Identity("cf.", "prod", "audit-events").transactional_id == "cf.producer.prod.audit-events"
    for rendering in cases.values():
        container = rendering.one("Deployment", "producer")["spec"]["template"]["spec"]["containers"][0]
        assert not [each for each in container["env"] if "valueFrom" in each]


def test_two_releases_of_one_namespace_share_no_object(chart: Chart, minimal: Path, base: Rendering) -> None:
    def identities(rendering: Rendering) -> set[tuple[str, str]]:
        return {(each["kind"], each["metadata"]["name"]) for each in rendering.objects}

    other = chart.render(minimal, release="other")
    assert not identities(base) & identities(other)
    assert (
        base.one("StatefulSet", "worker")["spec"]["selector"] != other.one("StatefulSet", "worker")["spec"]["selector"]
    )


def test_a_new_version_of_the_chart_changes_images_and_labels_alone(
    chart: Chart, minimal: Path, base: Rendering, tmp_path: Path
) -> None:
    shutil.copytree(CHART, tmp_path / "cfstream")
    about = tmp_path / "cfstream" / "Chart.yaml"
    about.write_text(about.read_text("utf-8").replace("0.1.0", "0.2.0"), "utf-8")
    text = chart.run(
        "template",
        "live",
        str(tmp_path / "cfstream"),
        "--kube-version=1.37",
        "--namespace=streams",
        f"--values={minimal}",
    )
    newer = Rendering(text, tuple(each for each in yaml.safe_load_all(text) if each))
    assert fixed(newer) == fixed(base)
    for owner in (("Deployment", "producer"), ("StatefulSet", "worker")):
        found = differences(base.one(*owner), newer.one(*owner))
        assert found == {
            "/metadata/labels/app.kubernetes.io/version",
            "/metadata/labels/helm.sh/chart",
            "/spec/template/spec/containers",
        }
        pods = [each.one(*owner)["spec"]["template"]["spec"]["containers"][0] for each in (base, newer)]
        assert differences(*pods) == {"/image"}


def test_a_set_up_job_beside_the_objects_is_another_one_when_it_changes(chart: Chart, minimal: Path) -> None:
    def name(**setup: object) -> str:
        (job,) = chart.render(minimal, values={"setup": {"mode": "job"} | setup}).all("Job")
        assert "annotations" not in job["metadata"]
        found: str = job["metadata"]["name"]
        return found

    assert name() == name()
    assert name() != name(schemas="check")


def test_a_case_that_removes_an_object_removes_that_alone(chart: Chart, minimal: Path, base: Rendering) -> None:
    for case in CASES:
        if case.expected is GONE and case.value.endswith("pdb.enabled"):
            after = chart.render(minimal, values=nested(case.value, case.set_to))
            assert len(after.objects) == len(base.objects) - 1
