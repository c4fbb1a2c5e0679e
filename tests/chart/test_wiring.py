"""How the objects of one release fit together."""

from pathlib import Path
from typing import Any

import pytest

from helm.render import CHART, Chart, Rendering
from schemas.topics import Topics


def wanted(rendering: Rendering) -> dict[str, set[str]]:
    """Each ConfigMap and ServiceAccount that a pod names."""
    found: dict[str, set[str]] = {"ConfigMap": set(), "ServiceAccount": set()}
    for _, pod in rendering.pods():
        found["ServiceAccount"].add(pod["spec"]["serviceAccountName"])
        for volume in pod["spec"]["volumes"]:
            if "configMap" in volume and not volume["configMap"].get("optional"):
                found["ConfigMap"].add(volume["configMap"]["name"])
    return found


def test_a_pod_names_only_what_the_release_makes(cases: dict[str, Rendering]) -> None:
    for rendering in cases.values():
        for kind, names in wanted(rendering).items():
            made = {each["metadata"]["name"] for each in rendering.all(kind)}
            assert names - {"default"} <= made


def test_what_a_hook_needs_is_a_hook_that_runs_before_it(base: Rendering) -> None:
    def weight(each: dict[str, Any]) -> int | None:
        annotations = each["metadata"].get("annotations", {})
        hook = annotations.get("helm.sh/hook")
        return int(annotations["helm.sh/hook-weight"]) if hook == "pre-install,pre-upgrade" else None

    job = base.one("Job", "setup")
    account = job["spec"]["template"]["spec"]["serviceAccountName"]
    weights = {each["kind"]: weight(each) for each in base.objects if each["metadata"]["name"] == account}
    assert weights.keys() == {"ServiceAccount", "NetworkPolicy", "Job"}
    assert None not in weights.values()
    assert all(weights[kind] < weights["Job"] for kind in ("ServiceAccount", "NetworkPolicy"))  # type: ignore[operator]  # checked on the line above


def test_every_mount_has_its_volume_and_every_volume_a_mount(cases: dict[str, Rendering]) -> None:
    for rendering in cases.values():
        for owner, pod in rendering.pods():
            claims = {each["metadata"]["name"] for each in owner["spec"].get("volumeClaimTemplates", ())}
            volumes = {each["name"] for each in pod["spec"]["volumes"]} | claims
            for container in pod["spec"]["containers"]:
                assert {each["name"] for each in container["volumeMounts"]} == volumes
            assert len(pod["spec"]["volumes"]) + len(claims) == len(volumes)


def test_every_component_has_its_network_policy_and_only_servers_are_reached(cases: dict[str, Rendering]) -> None:
    for name, rendering in cases.items():
        if name == "bare-values":
            assert not rendering.all("NetworkPolicy")
            continue
        policies = {
            each["metadata"]["labels"]["app.kubernetes.io/component"]: each for each in rendering.all("NetworkPolicy")
        }
        pods = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for _, pod in rendering.pods()}
        assert set(policies) == pods
        served = {component for component, policy in policies.items() if policy["spec"]["ingress"]}
        assert served == pods & {"producer", "worker", "notifier"}


def test_receivers_are_reached_everywhere_but_at_link_local_addresses(cases: dict[str, Rendering]) -> None:
    egress = cases["everything-values"].one("NetworkPolicy", "notifier")["spec"]["egress"]
    blocks = [to["ipBlock"] for rule in egress for to in rule.get("to", ()) if "ipBlock" in to]
    assert [block["except"] for block in blocks] == [["169.254.0.0/16"], ["fe80::/10"]]


def test_egress_ports_follow_the_addresses(cases: dict[str, Rendering]) -> None:
    def ports(case: str, name: str) -> list[int]:
        egress = cases[case].one("NetworkPolicy", name)["spec"]["egress"]
        return [port["port"] for port in egress[1]["ports"]]

    assert ports("everything-values", "producer") == [9096, 9097, 443, 8443]
    assert ports("foundations-values", "producer") == [9093, 8443, 443, 9443]
    assert ports("strimzi-values", "worker") == [9093, 8080]


def test_what_scrapes_finds_every_process_and_no_job(cases: dict[str, Rendering]) -> None:
    pod_monitor = cases["everything-values"].one("PodMonitor", "cfstream")["spec"]["selector"]["matchLabels"]
    service = cases["foundations-values"].one("Service", "metrics")["spec"]["selector"]
    for selector, case in ((pod_monitor, "everything-values"), (service, "foundations-values")):
        for owner, pod in cases[case].pods():
            found = selector.items() <= pod["metadata"]["labels"].items()
            assert found == (owner["kind"] in ("Deployment", "StatefulSet"))
    monitor = cases["foundations-values"].one("ServiceMonitor", "cfstream")["spec"]["selector"]["matchLabels"]
    assert monitor.items() <= cases["foundations-values"].one("Service", "metrics")["metadata"]["labels"].items()


def test_strimzis_topics_are_the_products(chart: Chart, minimal: Path) -> None:
    values = {
        "topics": {"prefix": "x.", "partitions": 5, "replicationFactor": 3, "retentionDays": 11},
        "strimzi": {"cluster": "kafka", "topics": {"enabled": True}},
        "setup": {"topics": "none"},
    }
    made = {each["spec"]["topicName"]: each["spec"] for each in chart.render(minimal, values=values).all("KafkaTopic")}
    for topic in Topics("x.", retention_days=11):
        spec = made.pop(topic.name)
        assert spec["partitions"] == (5 if topic.partitioned else 1)
        assert spec["replicas"] == 3
        assert spec["config"] == topic.config
    assert not made


def test_topics_outlive_the_release(cases: dict[str, Rendering]) -> None:
    for topic in cases["strimzi-values"].all("KafkaTopic"):
        assert topic["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_each_component_logs_in_as_its_own_strimzi_user(cases: dict[str, Rendering]) -> None:
    rendering = cases["strimzi-values"]
    users = {each["metadata"]["name"] for each in rendering.all("KafkaUser")}
    for owner, container in rendering.containers():
        env = {each["name"]: each.get("value") for each in container["env"]}
        assert env["CFSTREAM_KAFKA_SASL_USERNAME"] in users
        component = owner["metadata"]["labels"]["app.kubernetes.io/component"] if owner["kind"] != "Pod" else "setup"
        assert env["CFSTREAM_KAFKA_SASL_USERNAME"] == f"live-cfstream-{component}"
    volumes = rendering.one("Deployment", "producer")["spec"]["template"]["spec"]["volumes"]
    secrets = {each["name"]: each["secret"]["secretName"] for each in volumes if "secret" in each}
    assert secrets["kafka-ca"] == "my-cluster-cluster-ca-cert"
    assert secrets["kafka-sasl"] == "live-cfstream-producer"


def test_rights_name_topics_that_exist(chart: Chart, minimal: Path) -> None:
    values = {
        "strimzi": {"cluster": "kafka", "users": {"enabled": True}},
        "setup": {"mode": "job"},
        "kafka": {"securityProtocol": "SASL_SSL"},
        "notifier": {"enabled": True, "slackWebhook": {"existingSecret": "s"}},
        "reconcile": {"enabled": True},
    }
    known = {topic.name for topic in Topics("cf.")}
    users = chart.render(minimal, values=values).all("KafkaUser")
    assert len(users) == 5
    written = set()
    for user in users:
        for acl in user["spec"]["authorization"]["acls"]:
            resource = acl["resource"]
            if resource["type"] == "topic" and resource["patternType"] == "literal":
                assert resource["name"] in known
                written |= {resource["name"]} if "Write" in acl["operations"] else set()
            assert resource["patternType"] in ("literal", "prefix")
            assert resource["name"]
    assert written == known


def test_a_prefix_of_ones_own_comes_with_its_rights(chart: Chart) -> None:
    values = {
        "strimzi": {"cluster": "kafka", "users": {"enabled": True}},
        "setup": {"mode": "job"},
        "kafka": {"securityProtocol": "SASL_SSL", "tls": {"clientSecret": "", "keyPasswordKey": ""}},
    }
    rendering = chart.render(CHART / "ci" / "foundations-values.yaml", values=values)
    names = {
        user["metadata"]["labels"]["app.kubernetes.io/component"]: [
            acl["resource"]["name"] for acl in user["spec"]["authorization"]["acls"]
        ]
        for user in rendering.all("KafkaUser")
    }
    assert {"cf.app-usage-events", "us.app-usage-events", "us.producer.", "us."} <= set(names["producer"])
    assert {"cf.", "us."} == set(names["setup"])
    assert not [name for name in names["worker"] if name.startswith("us.")]
    assert names["producer"].count("cfstream") == 1


@pytest.mark.parametrize(
    ("mechanism", "sasl"),
    [("PLAIN", "plaintext"), ("SCRAM-SHA-256", "scram_sha256"), ("SCRAM-SHA-512", "scram_sha512")],
)
def test_keda_logs_in_as_the_worker_does(chart: Chart, minimal: Path, mechanism: str, sasl: str) -> None:
    values = {
        "kafka": {
            "securityProtocol": "SASL_SSL",
            "tls": {"caSecret": "ca"},
            "sasl": {"mechanism": mechanism, "username": "me", "existingSecret": "login"},
        },
        "worker": {"autoscaling": {"type": "keda"}},
    }
    rendering = chart.render(minimal, values=values)
    trigger = rendering.one("ScaledObject", "worker")["spec"]["triggers"][0]
    assert (trigger["metadata"]["sasl"], trigger["metadata"]["tls"]) == (sasl, "enable")
    authentication = rendering.one("TriggerAuthentication", trigger["authenticationRef"]["name"].rpartition("-")[2])
    found = {each["parameter"]: (each["name"], each["key"]) for each in authentication["spec"]["secretTargetRef"]}
    assert found == {"ca": ("ca", "ca.crt"), "password": ("login", "password")}
    (username,) = authentication["spec"]["env"]
    worker = rendering.one("StatefulSet", "worker")["spec"]["template"]["spec"]["containers"]
    assert username["containerName"] == worker[0]["name"]
    assert username["name"] in {each["name"] for each in worker[0]["env"]}


def test_a_prefix_of_ones_own_gets_its_topics_and_schemas(cases: dict[str, Rendering]) -> None:
    spec = cases["foundations-values"].one("Job", "setup")["spec"]["template"]["spec"]
    steps = [
        (container["args"], next(each["value"] for each in container["env"] if each["name"] == "CFSTREAM_TOPIC_PREFIX"))
        for container in (*spec["initContainers"], *spec["containers"])
    ]
    assert steps == [
        (["topics", "apply"], "cf."),
        (["schemas", "register"], "cf."),
        (["topics", "apply"], "us."),
        (["schemas", "register"], "us."),
    ]
