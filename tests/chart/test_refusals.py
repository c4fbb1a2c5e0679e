"""Values that cannot work stop the release: the schema names the key, a check says in one sentence what to set."""

from pathlib import Path
from typing import Any

import pytest

from helm.render import Chart, RefusedError

Values = dict[str, Any]

SASL = {"mechanism": "PLAIN", "username": "me", "existingSecret": "s"}
STRIMZI = {"cluster": "k", "users": {"enabled": True}}

SCHEMA: list[tuple[Values, str]] = [
    ({"kafak": {}}, "'kafak' not allowed"),
    ({"kafka": {"bootstrapServer": "x"}}, "'bootstrapServer' not allowed"),
    ({"kafka": {"securityProtocol": "TLS"}}, "/kafka/securityProtocol"),
    ({"kafka": {"sasl": {"mechanism": "GSSAPI"}}}, "/kafka/sasl/mechanism"),
    ({"cf": {"api": "api.example.com"}}, "/cf/api"),
    ({"cf": {"apiVersion": "v4"}}, "/cf/apiVersion"),
    ({"cf": {"clientSecret": "plain"}}, "'clientSecret' not allowed"),
    ({"foundations": [{"cf_api": "https://a"}]}, "name"),
    ({"foundations": [{"name": "a", "cf_api": "https://a", "cf_client_secret": "plain"}]}, "'cf_client_secret' not allowed"),
    ({"foundations": [{"name": "a b", "cf_api": "https://a"}]}, "/foundations/0/name"),
    ({"topics": {"partitions": 0}}, "/topics/partitions"),
    ({"topics": {"partitions": "12"}}, "/topics/partitions"),
    ({"topics": {"prefix": ""}}, "/topics/prefix"),
    ({"topics": {"prefix": "a b"}}, "/topics/prefix"),
    ({"topics": {"replicationFactor": 0}}, "/topics/replicationFactor"),
    ({"producer": {"replicas": -1}}, "/producer/replicas"),
    ({"producer": {"image": {"digest": "latest"}}}, "/producer/image/digest"),
    ({"producer": {"settings": {"poll_second": 1}}}, "'poll_second' not allowed"),
    ({"producer": {"settings": {"poll_seconds": 0}}}, "/producer/settings/poll_seconds"),
    ({"producer": {"settings": {"cf_client_secret": "x"}}}, "'cf_client_secret' not allowed"),
    ({"producer": {"settings": {"kafka_bootstrap_servers": "x"}}}, "'kafka_bootstrap_servers' not allowed"),
    ({"worker": {"settings": {"worker_instance_id": "x"}}}, "'worker_instance_id' not allowed"),
    ({"notifier": {"settings": {"slack_webhook_url": "x"}}}, "'slack_webhook_url' not allowed"),
    ({"settings": {"log_level": "loud"}}, "/settings/log_level"),
    ({"producer": {"pdb": {"maxUnavailable": 0}}}, "/producer/pdb/maxUnavailable"),
    ({"producer": {"terminationGracePeriodSeconds": 1}}, "/producer/terminationGracePeriodSeconds"),
    ({"worker": {"autoscaling": {"type": "vpa"}}}, "/worker/autoscaling/type"),
    ({"worker": {"persistence": {"accessModes": ["ReadWriteMany"]}}}, "/worker/persistence/accessModes"),
    ({"worker": {"pod": {"hostNetwork": True}}}, "'hostNetwork' not allowed"),
    ({"pod": {"runAsUser": 0}}, "/pod/runAsUser"),
    ({"worker": {"resources": {"limit": {}}}}, "'limit' not allowed"),
    ({"worker": {"probes": {"liveness": {"exec": {}}}}}, "'exec' not allowed"),
    ({"reconcile": {"schedule": "every day"}}, "/reconcile/schedule"),
    ({"metrics": {"monitor": True}}, "/metrics/monitor"),
    ({"metrics": {"interval": "often"}}, "/metrics/interval"),
    ({"strimzi": {"users": {"authentication": "plain"}}}, "/strimzi/users/authentication"),
    ({"networkPolicy": {"metricsFrom": {}}}, "/networkPolicy/metricsFrom"),
]  # fmt: skip

CHECKS: list[tuple[Values, str]] = [
    ({"cf": {"api": ""}}, "No Cloud Controller is named: set cf.api"),
    ({"foundations": [{"name": "a", "cf_api": "https://a"}]}, "cf.api and foundations exclude each other"),
    ({"cf": {"clientId": ""}}, "No credentials for the Cloud Controller"),
    ({"cf": {"username": "u"}}, "cf.clientId and cf.username exclude each other"),
    ({"cf": {"existingSecret": ""}}, "cf.existingSecret is not set"),
    ({"cf": {"api": ""}, "foundations": [{"name": n, "cf_api": "https://a"} for n in "aa"]}, "the name a is given twice"),
    ({"cf": {"api": "", "clientId": "", "existingSecret": ""}, "foundations": [{"name": "a", "cf_api": "https://a"}]},
     "foundations: a has no credentials"),
    ({"cf": {"api": ""}, "foundations": [{"name": "a", "cf_api": "https://a", "existingSecret": "s"}]},
     "neither cf_client_id nor cf_username"),
    ({"kafka": {"bootstrapServers": ""}}, "kafka.bootstrapServers is not set"),
    ({"kafka": {"bootstrapServers": "kafka"}}, '"kafka" is not host:port'),
    ({"schemaRegistry": {"url": ""}}, "schemaRegistry.url is not set"),
    ({"schemaRegistry": {"username": "u"}}, "without schemaRegistry.existingSecret"),
    ({"schemaRegistry": {"existingSecret": "s"}}, "without schemaRegistry.username"),
    ({"kafka": {"sasl": SASL}}, "needs kafka.securityProtocol SASL_SSL or SASL_PLAINTEXT, not PLAINTEXT"),
    ({"kafka": {"securityProtocol": "SASL_SSL"}}, "SASL_SSL needs kafka.sasl.mechanism"),
    ({"kafka": {"securityProtocol": "SASL_PLAINTEXT", "sasl": SASL}}, "sends credentials unencrypted"),
    ({"kafka": {"securityProtocol": "SASL_SSL", "sasl": SASL | {"existingSecret": ""}}}, "kafka.sasl.existingSecret is not set"),
    ({"kafka": {"securityProtocol": "SASL_SSL", "sasl": SASL | {"username": ""}}}, "kafka.sasl.username is not set, and PLAIN"),
    ({"kafka": {"securityProtocol": "SASL_SSL", "sasl": SASL | {"mechanism": "OAUTHBEARER"}}}, "OAUTHBEARER needs kafka.sasl.oauthTokenUrl"),
    ({"worker": {"autoscaling": {"type": "keda"}}, "kafka": {"securityProtocol": "SASL_SSL", "sasl": SASL | {
        "mechanism": "OAUTHBEARER", "oauthTokenUrl": "https://t", "oauthClientId": "c"}}}, "KEDA is not given OAUTHBEARER's credentials"),
    ({"kafka": {"tls": {"clientSecret": "s"}}}, "kafka.tls needs kafka.securityProtocol SSL"),
    ({"worker": {"replicas": 13}}, "worker.replicas 13 is more than topics.partitions 12"),
    ({"worker": {"autoscaling": {"type": "keda", "maxReplicas": 13}}}, "maxReplicas 13 is more than topics.partitions 12"),
    ({"worker": {"autoscaling": {"type": "hpa", "minReplicas": 7}}}, "minReplicas is more than maxReplicas"),
    ({"worker": {"autoscaling": {"type": "hpa", "targetCPUUtilizationPercentage": 0}}}, "needs targetCPUUtilizationPercentage or lagMetric"),
    ({"notifier": {"enabled": True}}, "say who hears of the alerts"),
    ({"alerts": {"config": {"receivers": [{"name": "a", "type": "slack"}]}}}, "hear nothing without the notifier"),
    ({"notifier": {"enabled": True, "slackWebhook": {"existingSecret": "s"}},
      "alerts": {"config": {"receivers": [{"name": "a", "type": "slack"}]}}}, "for a notifier without alerts.config.receivers"),
    ({"notifier": {"enabled": True}, "alerts": {"config": {"receivers": [{"url_file": "/etc/cfstream/receivers/x"}]}}},
     "set alerts.receiversSecret"),
    ({"notifier": {"enabled": True, "slackWebhook": {"existingSecret": "s"}, "api": {"enabled": True}}},
     "needs notifier.api.existingSecret"),
    ({"strimzi": {"topics": {"enabled": True}}}, "strimzi.cluster is not set"),
    ({"strimzi": {"cluster": "k", "topics": {"enabled": True}}}, "set setup.topics to check or none"),
    ({"strimzi": {"cluster": "k", "topics": {"enabled": True}}, "setup": {"topics": "check"}}, "set setup.mode to job, or setup.topics to none"),
    ({"strimzi": STRIMZI}, "with strimzi.users.enabled set setup.mode to job"),
    ({"strimzi": STRIMZI | {"namespace": "other"}, "setup": {"mode": "job"}}, "leave strimzi.namespace empty"),
    ({"strimzi": STRIMZI, "setup": {"mode": "job"}, "kafka": {"securityProtocol": "SASL_SSL", "sasl": SASL}},
     "leave kafka.sasl and kafka.tls.clientSecret empty"),
    ({"strimzi": STRIMZI, "setup": {"mode": "job"}, "kafka": {"securityProtocol": "SSL"}}, "scram-sha-512 needs kafka.securityProtocol SASL_SSL"),
    ({"strimzi": {"cluster": "k", "users": {"enabled": True, "authentication": "tls"}}, "setup": {"mode": "job"},
      "kafka": {"securityProtocol": "SASL_SSL"}}, "tls needs kafka.securityProtocol SSL"),
    ({"pod": {"extraEnv": [{"name": "CFSTREAM_HTTP_PORT", "value": "1"}]}}, "extraEnv must not set CFSTREAM_HTTP_PORT"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "reason"), SCHEMA, ids=[reason for _, reason in SCHEMA])
def test_the_schema_refuses(chart: Chart, minimal: Path, values: Values, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        chart.render(minimal, values=values)
    assert "don't meet the specifications of the schema" in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(("values", "sentence"), CHECKS, ids=[sentence for _, sentence in CHECKS])
def test_a_combination_is_refused(chart: Chart, minimal: Path, values: Values, sentence: str) -> None:
    with pytest.raises(RefusedError) as refused:
        chart.render(minimal, values=values)
    assert "specifications of the schema" not in str(refused.value)
    assert sentence in str(refused.value)
