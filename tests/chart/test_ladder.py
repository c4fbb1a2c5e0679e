"""Every set of values must pass lint, Kubernetes' own schemas, and the API server's Pod Security verdict."""

import json
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from helm.docs import main as docs
from helm.render import CHART, NEWEST, OLDEST, Chart, Rendering

CASES = [path.stem for folder in ("ci", "profiles") for path in sorted((CHART / folder).glob("*-values.yaml"))]
CUSTOM = ("monitoring.coreos.com/", "kafka.strimzi.io/", "keda.sh/")


def judged(judge: str, text: str) -> list[dict[str, object]]:
    done = subprocess.run([judge], input=text, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_made_files_are_current() -> None:
    assert docs(["--check"]) == 0


@pytest.mark.parametrize("path", sorted((CHART / "ci").glob("*-values.yaml")), ids=lambda path: path.stem)
def test_lint_has_no_complaint(chart: Chart, path: Path) -> None:
    assert "0 chart(s) failed" in chart.run("lint", "--strict", str(CHART), f"--values={path}")


@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_knows_every_field(cases: dict[str, Rendering], case: str, kubernetes: str) -> None:
    checked = 0
    for each in cases[case].objects:
        if not each["apiVersion"].startswith(CUSTOM):
            kubernetes_validate.validate(each, kubernetes, strict=True)
            checked += 1
    assert checked > 3


def test_the_oldest_kubernetes_gets_the_same_objects(chart: Chart, minimal: Path, base: Rendering) -> None:
    assert chart.render(minimal, kubernetes=OLDEST).objects == base.objects


def test_an_older_kubernetes_is_refused(chart: Chart, minimal: Path) -> None:
    with pytest.raises(Exception, match="kubeVersion"):
        chart.render(minimal, kubernetes="1.26.9")


@pytest.mark.parametrize("case", CASES)
def test_pod_security_restricted_and_monitoring_objects_pass(
    cases: dict[str, Rendering], case: str, tools: dict[str, str]
) -> None:
    verdicts = judged(tools["CHART_JUDGE"], cases[case].text)
    assert [verdict for verdict in verdicts if verdict["problems"]] == []
    pods = [(verdict["kind"], verdict["name"]) for verdict in verdicts if verdict["checked"] == "restricted"]
    assert pods == [(owner["kind"], owner["metadata"]["name"]) for owner, _ in cases[case].pods()]
    assert ("Pod", "live-cfstream-test") in pods


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hostNetwork": True}, "host namespaces"),
        ({"securityContext": {"runAsNonRoot": True}}, "seccompProfile"),
        ({"securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}}}, "runAsUser=0"),
        ({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]}, "hostPath"),
    ],
)
def test_the_judge_can_say_no(base: Rendering, tools: dict[str, str], change: dict[str, object], reason: str) -> None:
    pod = base.one("Pod", "test")
    spoilt = pod | {"spec": pod["spec"] | change}
    (verdict,) = judged(tools["CHART_JUDGE"], yaml.safe_dump(spoilt))
    assert reason in str(verdict["problems"])


def test_the_judge_reads_expressions_and_refuses_unknown_fields(tools: dict[str, str]) -> None:
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "bad"},
        "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "rate(x[5m"}]}]},
    }
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "spec": {"endpoints": []}}
    verdicts = judged(tools["CHART_JUDGE"], yaml.safe_dump_all([rule, monitor]))
    assert "A: " in str(verdicts[0]["problems"])
    assert "unknown field" in str(verdicts[1]["problems"])


def test_every_container_has_a_read_only_root_limits_and_no_token(cases: dict[str, Rendering]) -> None:
    for rendering in cases.values():
        for _, pod in rendering.pods():
            assert pod["spec"]["automountServiceAccountToken"] is False
        for owner, container in rendering.containers():
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, owner["metadata"]["name"]
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]


def test_every_long_running_container_has_its_three_probes(cases: dict[str, Rendering]) -> None:
    for rendering in cases.values():
        for owner, container in rendering.containers():
            probes = {kind: container.get(f"{kind}Probe", {}).get("httpGet", {}).get("path") for kind in
                      ("startup", "readiness", "liveness")}  # fmt: skip
            served = owner["kind"] in ("Deployment", "StatefulSet")
            assert probes == (
                {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"} if served else dict.fromkeys(probes)
            )


def test_the_chart_packs_and_shows(chart: Chart, tmp_path: Path) -> None:
    chart.run("package", str(CHART), f"--destination={tmp_path}")
    (archive,) = tmp_path.glob("cfstream-*.tgz")
    assert yaml.safe_load(chart.run("show", "chart", str(archive)))["name"] == "cfstream"
    assert yaml.safe_load(chart.run("show", "values", str(archive))) == yaml.safe_load(
        (CHART / "values.yaml").read_text("utf-8")
    )
    assert "## Values" in chart.run("show", "readme", str(archive))
    values = CHART / "ci" / "minimal-values.yaml"
    assert "kind: StatefulSet" in chart.run("template", "live", str(archive), f"--values={values}")


def test_the_notes_say_what_to_check_next(chart: Chart, minimal: Path) -> None:
    notes = chart.run("install", "live", str(CHART), f"--values={minimal}", "--dry-run=client", "--namespace=streams")
    notes = notes[notes.index("NOTES:") :]
    for command in ("get pods", "helm -n streams test live", "cfstream producer status", "cfstream doctor"):
        assert command in notes
    assert "without encryption" in notes
