"""What the chart gives a process is what its settings class reads: names, values, files."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from support.rendered_pod import Node

from helm.render import Chart, Rendering
from helm.settings import sections
from plumbing.settings import CommonSettings, Settings, is_secret
from processors.alerts.files import NOTIFYING
from processors.notify.config import AlertsConfig
from processors.notify.settings import NotifierSettings
from processors.settings import WorkerSettings
from producer.settings import ProducerSettings

CLASSES: dict[str, type[CommonSettings]] = {
    "producer run": ProducerSettings,
    "processors run": WorkerSettings,
    "notifier run": NotifierSettings,
    "reconcile": ProducerSettings,
    "topics apply": CommonSettings,
    "topics check": CommonSettings,
    "schemas register": CommonSettings,
    "schemas check": CommonSettings,
}


def command(container: dict[str, list[str]]) -> str:
    return " ".join(word for word in container["args"] if not word.startswith("--"))


def test_every_variable_is_a_setting_of_its_command(cases: dict[str, Rendering]) -> None:
    seen = set()
    for rendering in cases.values():
        for _, container in rendering.containers():
            fields = CLASSES[command(container)].model_fields
            known = {Settings.variable(name) for name in fields}
            files = {f"{Settings.variable(name)}_FILE" for name, field in fields.items() if is_secret(field)}
            given = {each["name"] for each in container["env"] if each["name"].startswith("CFSTREAM_")}
            assert given <= known | files, command(container)
            seen.add(command(container))
    assert seen == set(CLASSES)


def test_no_secret_is_in_the_environment(cases: dict[str, Rendering]) -> None:
    secret = {Settings.variable(n) for each in sections() for n, field in each.fields.items() if is_secret(field)}
    for rendering in cases.values():
        assert not rendering.all("Secret")
        for _, container in rendering.containers():
            assert not secret & {each["name"] for each in container["env"]}
            assert not any("secretKeyRef" in str(each.get("valueFrom")) for each in container["env"])


def test_every_setting_has_one_place_in_the_values() -> None:
    for section in sections():
        assert set(section.values) <= set(section.fields), section.title
        secrets = {name for name, field in section.fields.items() if is_secret(field)}
        assert secrets <= set(section.values), section.title
        paths = {name for name, field in section.fields.items() if Path in getattr(field.annotation, "__args__", ())}
        assert paths <= set(section.values), f"{section.title}: a file that the chart does not mount"


@dataclass(frozen=True)
class Pod:
    """Puts this process into the place of a container: its environment and files."""

    node: Node
    monkeypatch: pytest.MonkeyPatch

    @property
    def folder(self) -> Path:
        return self.node.folder

    def enter(self, rendering: Rendering, kind: str, component: str) -> Path | None:
        """Set the environment, write the files; return the container's --config."""
        laid = self.node.only(rendering, kind, component)
        for name, value in laid.environment.items():
            self.monkeypatch.setenv(name, value)
        return laid.config


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    for name in [name for name in os.environ if name.startswith("CFSTREAM_")]:
        monkeypatch.delenv(name)
    return Pod(Node(tmp_path), monkeypatch)


def secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def test_the_producer_reads_what_the_values_say(cases: dict[str, Rendering], pod: Pod) -> None:
    config = pod.enter(cases["everything-values"], "Deployment", "producer")
    settings = ProducerSettings.load(config)
    (foundation,) = settings.resolved()
    assert foundation.api == "https://api.sys.example.com:8443"
    assert foundation.credentials.username == "auditor"
    assert foundation.credentials.password == "cfstream-cf/password"
    assert foundation.ca_file == pod.folder / "secrets/cf-ca/ca.crt"
    assert foundation.ca_file.exists()
    assert foundation.topic_prefix == "prod.cf."
    assert foundation.filters.orgs == frozenset({"11111111-1111-4111-8111-111111111111"})
    assert (settings.settle_seconds, settings.keep_actor_names, settings.log_level) == (90, False, "debug")
    assert (settings.http_host, settings.http_port, settings.log_format) == ("0.0.0.0", 8080, "json")  # noqa: S104 - pods
    assert (settings.partitions, settings.replication_factor, settings.retention_days) == (24, 3, 30)
    assert (settings.kafka_security_protocol, settings.kafka_sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (settings.kafka_sasl_username, secret(settings.kafka_sasl_password)) == (
        "cfstream",
        "cfstream-kafka/password",
    )
    assert settings.kafka_ssl_ca_file == pod.folder / "secrets/kafka-ca/ca.crt"
    assert settings.schema_registry_username == "cfstream"
    assert secret(settings.schema_registry_password) == "cfstream-registry/password"
    assert settings.create_topics is False


def test_the_producer_reads_several_foundations(cases: dict[str, Rendering], pod: Pod) -> None:
    config = pod.enter(cases["foundations-values"], "Deployment", "producer")
    settings = ProducerSettings.load(config)
    eu, us = settings.resolved()
    assert (eu.name, eu.credentials.client_id, eu.credentials.client_secret) == (
        "prod-eu",
        "cfstream",
        "cf-eu/client-secret",
    )
    assert (us.name, us.credentials.username, us.credentials.password) == ("prod_us.2", "auditor", "cf-us/password")
    assert (us.topic_prefix, us.feeds) == ("us.", ("app-usage-events",))
    assert secret(settings.kafka_ssl_key_password) == "cfstream-client/key-password"
    assert settings.kafka_ssl_key_file == pod.folder / "secrets/kafka-client/tls.key"


def test_oauth_reaches_the_producer(cases: dict[str, Rendering], pod: Pod) -> None:
    settings = ProducerSettings.load(pod.enter(cases["bare-values"], "Deployment", "producer"))
    assert settings.kafka_sasl_mechanism == "OAUTHBEARER"
    assert settings.kafka_oauth_token_url == "https://sso.example.com/token"
    assert (settings.kafka_oauth_client_id, settings.kafka_oauth_scope) == ("cfstream", "kafka")
    assert secret(settings.kafka_oauth_client_secret) == "cfstream-oauth/client-secret"
    assert settings.kafka_oauth_ca_file == pod.folder / "secrets/kafka-oauth-ca/ca.crt"


def test_the_worker_is_named_by_its_pod_and_reads_the_rules(cases: dict[str, Rendering], pod: Pod) -> None:
    pod.enter(cases["everything-values"], "StatefulSet", "worker")
    settings = WorkerSettings.load()
    assert settings.worker_instance_id == "live-cfstream-worker-0"
    assert settings.worker_chunk_records == 2000
    assert settings.alerts_config
    rules = yaml.safe_load(settings.alerts_config.read_text("utf-8"))
    assert list(rules) == ["rules"]
    AlertsConfig.model_validate(rules)


def test_what_only_the_notifier_reads_restarts_no_worker(chart: Chart, minimal: Path) -> None:
    def worker(**config: object) -> object:
        alerts = {"config": {"receivers": [{"name": "a"}]} | config}
        values = {"notifier": {"enabled": True}, "alerts": alerts}
        return chart.render(minimal, values=values).one("StatefulSet", "worker")

    assert all(worker(**{key: [{"changed": True}]}) == worker() for key in NOTIFYING - {"receivers"})
    assert worker(rules=[{"name": "r", "kind": "rate"}]) != worker()


def test_the_notifier_reads_the_whole_file(cases: dict[str, Rendering], pod: Pod) -> None:
    pod.enter(cases["everything-values"], "Deployment", "notifier")
    settings = NotifierSettings.load()
    assert settings.alerts_config
    config = AlertsConfig.model_validate(yaml.safe_load(settings.alerts_config.read_text("utf-8")))
    assert [receiver.name for receiver in config.receivers] == ["team"]
    assert config.receivers[0].url_file == pod.folder / "receivers/slack"
    assert settings.notifier_api_port == 9093
    assert secret(settings.notifier_api_token) == "notifier-api-token/token"


def test_one_slack_webhook_needs_no_file(chart: Chart, minimal: Path, pod: Pod) -> None:
    values = {"notifier": {"enabled": True, "slackWebhook": {"existingSecret": "slack"}}}
    pod.enter(chart.render(minimal, values=values), "Deployment", "notifier")
    settings = NotifierSettings.load()
    assert settings.alerts_config is None
    assert secret(settings.slack_webhook_url) == "slack/url"


def test_keda_scales_by_the_workers_group(chart: Chart, minimal: Path) -> None:
    values = {"worker": {"settings": {"worker_group": "mine"}, "autoscaling": {"type": "keda"}}}
    rendering = chart.render(minimal, values=values)
    env = rendering.one("StatefulSet", "worker")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "CFSTREAM_WORKER_GROUP", "value": "mine"} in env
    scaled = rendering.one("ScaledObject", "worker")
    assert scaled["spec"]["triggers"][0]["metadata"]["consumerGroup"] == "mine"
    default = chart.render(minimal, values={"worker": {"autoscaling": {"type": "keda"}}}).one("ScaledObject", "worker")
    group = WorkerSettings.model_fields["worker_group"].default
    assert default["spec"]["triggers"][0]["metadata"]["consumerGroup"] == group
