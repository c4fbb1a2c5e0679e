"""The settings classes as the chart sees them: which of their fields the chart sets, and by which value."""

from dataclasses import dataclass

from pydantic.fields import FieldInfo

from plumbing.settings import CommonSettings, Settings
from processors.notify.settings import NotifierSettings
from processors.settings import WorkerSettings
from producer.settings import ProducerSettings

BY_CHART = "the chart"

COMMON = {
    "kafka_bootstrap_servers": "`kafka.bootstrapServers`",
    "kafka_security_protocol": "`kafka.securityProtocol`",
    "kafka_ssl_ca_file": "`kafka.tls.caSecret`",
    "kafka_ssl_certificate_file": "`kafka.tls.clientSecret`",
    "kafka_ssl_key_file": "`kafka.tls.clientSecret`",
    "kafka_ssl_key_password": "`kafka.tls.keyPasswordKey`",
    "kafka_sasl_mechanism": "`kafka.sasl.mechanism`",
    "kafka_sasl_username": "`kafka.sasl.username`",
    "kafka_sasl_password": "`kafka.sasl.existingSecret`",
    "kafka_oauth_token_url": "`kafka.sasl.oauthTokenUrl`",
    "kafka_oauth_client_id": "`kafka.sasl.oauthClientId`",
    "kafka_oauth_client_secret": "`kafka.sasl.existingSecret`",
    "kafka_oauth_scope": "`kafka.sasl.oauthScope`",
    "kafka_oauth_ca_file": "`kafka.sasl.oauthCaSecret`",
    "schema_registry_url": "`schemaRegistry.url`",
    "schema_registry_username": "`schemaRegistry.username`",
    "schema_registry_password": "`schemaRegistry.existingSecret`",
    "schema_registry_ca_file": "`schemaRegistry.caSecret`",
    "topic_prefix": "`topics.prefix`",
    "partitions": "`topics.partitions`",
    "replication_factor": "`topics.replicationFactor`",
    "retention_days": "`topics.retentionDays`",
    "data_dir": BY_CHART,
    "http_host": BY_CHART,
    "http_port": BY_CHART,
}
PRODUCER = {
    "cf_api": "`cf.api`",
    "cf_client_id": "`cf.clientId`",
    "cf_client_secret": "`cf.existingSecret`",
    "cf_username": "`cf.username`",
    "cf_password": "`cf.existingSecret`",
    "cf_api_version": "`cf.apiVersion`",
    "cf_ca_file": "`cf.caSecret`",
    "foundations": "`foundations`",
}
WORKER = {"worker_instance_id": BY_CHART, "alerts_config": "`alerts.config`"}
NOTIFIER = {
    "alerts_config": "`alerts.config`",
    "slack_webhook_url": "`notifier.slackWebhook`",
    "notifier_api_port": "`notifier.api.enabled`",
    "notifier_api_token": "`notifier.api.existingSecret`",
}


@dataclass(frozen=True)
class Section:
    """One settings class: its value in the chart, its own fields, and which of them other values set."""

    title: str
    value: str
    definition: str
    settings: type[Settings]
    fields: dict[str, FieldInfo]
    values: dict[str, str]

    @property
    def free(self) -> set[str]:
        """The fields that users set under the section's value."""
        return set(self.fields) - set(self.values)


def sections() -> tuple[Section, ...]:
    """Return the sections, the common one first."""
    return (
        Section("All processes", "settings", "commonSettings", CommonSettings, CommonSettings.model_fields, COMMON),
        _own("Producer", "producer.settings", "producerSettings", ProducerSettings, PRODUCER),
        _own("Worker", "worker.settings", "workerSettings", WorkerSettings, WORKER),
        _own("Notifier", "notifier.settings", "notifierSettings", NotifierSettings, NOTIFIER),
    )


def _own(title: str, value: str, definition: str, settings: type[Settings], values: dict[str, str]) -> Section:
    fields = {name: each for name, each in settings.model_fields.items() if name not in CommonSettings.model_fields}
    return Section(title, value, definition, settings, fields, values)
