"""The chart's values, one case each: what to set, and what the rendered objects must then say."""

from dataclasses import dataclass, field
from typing import Any

GONE = object()
"""The object is not rendered."""

POD = "spec/template/spec"
PRODUCER = ("Deployment", "producer")
WORKER = ("StatefulSet", "worker")
NOTIFIER = ("Deployment", "notifier")
SETUP = ("Job", "setup")
RECONCILE = ("CronJob", "reconcile")
CRON = "spec/jobTemplate/spec"
SLACK = {"notifier": {"enabled": True, "slackWebhook": {"existingSecret": "slack"}}}
SASL = {"kafka": {"securityProtocol": "SASL_SSL", "sasl": {
    "mechanism": "PLAIN", "username": "me", "existingSecret": "kafka-login"}}}  # fmt: skip
OAUTH = {"kafka": {"securityProtocol": "SASL_SSL", "sasl": {
    "mechanism": "OAUTHBEARER", "existingSecret": "sso", "oauthTokenUrl": "https://sso.example.com/t",
    "oauthClientId": "me"}}}  # fmt: skip
OAUTH_CA = {"kafka": {"securityProtocol": "SASL_SSL", "sasl": {
    "mechanism": "OAUTHBEARER", "existingSecret": "sso", "oauthTokenUrl": "https://sso.example.com/t",
    "oauthClientId": "me", "oauthCaSecret": "sso-ca"}}}  # fmt: skip
MTLS = {"kafka": {"securityProtocol": "SSL", "tls": {"clientSecret": "mine"}}}
REGISTRY = {"schemaRegistry": {"username": "me", "existingSecret": "registry-login"}}
USER = {"cf": {"clientId": "", "username": "auditor"}}
HPA = {"worker": {"autoscaling": {"type": "hpa"}}}
RULES = {"metrics": {"rules": True}}
PODMONITOR = {"metrics": {"monitor": "pod"}}
DASHBOARDS = {"metrics": {"dashboards": True}}
TOPICS = {"strimzi": {"cluster": "kafka", "topics": {"enabled": True}}, "setup": {"topics": "none"}}
USERS = {"strimzi": {"cluster": "kafka", "users": {"enabled": True}}, "setup": {"mode": "job"},
         "kafka": {"securityProtocol": "SASL_SSL"}}  # fmt: skip


def env(name: str) -> str:
    return f"{POD}/containers/0/env/[CFSTREAM_{name}]/value"


def volume(name: str, key: str = "secret/secretName") -> str:
    return f"{POD}/volumes/[{name}]/{key}"


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    out = dict(below)
    for key, value in above.items():
        old = out.get(key)
        out[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


@dataclass(frozen=True)
class Case:
    """Setting ``value`` (with the values ``given``) makes ``path`` of the object ``where`` be ``expected``."""

    value: str
    set_to: Any
    where: tuple[str, str]
    path: str
    expected: Any
    given: dict[str, Any] = field(default_factory=dict)


API = merged(SLACK, {"notifier": {"api": {"enabled": True, "existingSecret": "s"}}})

CASES = [
    Case("global.imageRegistry", "r.example.com/x/", PRODUCER, f"{POD}/containers/0/image", "r.example.com/x/cfstream-producer:0.1.0"),
    Case("global.imagePullSecrets", ["login"], PRODUCER, f"{POD}/imagePullSecrets", [{"name": "login"}]),
    Case("nameOverride", "flow", PRODUCER, "metadata/name", "live-flow-producer"),
    Case("fullnameOverride", "flow", PRODUCER, "metadata/name", "flow-producer"),
    Case("imagePullPolicy", "Always", WORKER, f"{POD}/containers/0/imagePullPolicy", "Always"),
    Case("cf.api", "https://api.other.example.com", PRODUCER, env("CF_API"), "https://api.other.example.com"),
    Case("cf.apiVersion", "v2", PRODUCER, env("CF_API_VERSION"), "v2"),
    Case("cf.clientId", "me", PRODUCER, env("CF_CLIENT_ID"), "me"),
    Case("cf.username", "auditor", PRODUCER, env("CF_USERNAME"), "auditor", {"cf": {"clientId": ""}}),
    Case("cf.existingSecret", "login", PRODUCER, volume("cf"), "login"),
    Case("cf.clientSecretKey", "k", PRODUCER, env("CF_CLIENT_SECRET_FILE"), "/etc/cfstream/secrets/cf/k"),
    Case("cf.passwordKey", "k", PRODUCER, env("CF_PASSWORD_FILE"), "/etc/cfstream/secrets/cf/k", USER),
    Case("cf.caSecret", "ca", PRODUCER, volume("cf-ca"), "ca"),
    Case("cf.caKey", "k", PRODUCER, env("CF_CA_FILE"), "/etc/cfstream/secrets/cf-ca/k", {"cf": {"caSecret": "ca"}}),
    Case("foundations", [{"name": "a", "cf_api": "https://a.example.com", "cf_client_id": "c", "existingSecret": "sa"}],
         PRODUCER, f"{POD}/containers/0/args/2", "--config=/etc/cfstream/config/foundations.yaml",
         {"cf": {"api": "", "clientId": "", "existingSecret": ""}}),
    Case("kafka.bootstrapServers", "b:1", WORKER, env("KAFKA_BOOTSTRAP_SERVERS"), "b:1"),
    Case("kafka.securityProtocol", "SSL", WORKER, env("KAFKA_SECURITY_PROTOCOL"), "SSL"),
    Case("kafka.allowInsecure", True, WORKER, env("KAFKA_SECURITY_PROTOCOL"), "SASL_PLAINTEXT",
         {"kafka": SASL["kafka"] | {"securityProtocol": "SASL_PLAINTEXT"}}),
    Case("kafka.tls.caSecret", "ca", WORKER, volume("kafka-ca"), "ca", {"kafka": {"securityProtocol": "SSL"}}),
    Case("kafka.tls.caKey", "k", WORKER, env("KAFKA_SSL_CA_FILE"), "/etc/cfstream/secrets/kafka-ca/k",
         {"kafka": {"securityProtocol": "SSL", "tls": {"caSecret": "ca"}}}),
    Case("kafka.tls.clientSecret", "mine", WORKER, volume("kafka-client"), "mine", {"kafka": {"securityProtocol": "SSL"}}),
    Case("kafka.tls.certificateKey", "k", WORKER, env("KAFKA_SSL_CERTIFICATE_FILE"), "/etc/cfstream/secrets/kafka-client/k", MTLS),
    Case("kafka.tls.keyKey", "k", WORKER, env("KAFKA_SSL_KEY_FILE"), "/etc/cfstream/secrets/kafka-client/k", MTLS),
    Case("kafka.tls.keyPasswordKey", "k", WORKER, env("KAFKA_SSL_KEY_PASSWORD_FILE"), "/etc/cfstream/secrets/kafka-client/k", MTLS),
    Case("kafka.sasl.mechanism", "SCRAM-SHA-256", WORKER, env("KAFKA_SASL_MECHANISM"), "SCRAM-SHA-256", SASL),
    Case("kafka.sasl.username", "you", WORKER, env("KAFKA_SASL_USERNAME"), "you", SASL),
    Case("kafka.sasl.existingSecret", "other", WORKER, volume("kafka-sasl"), "other", SASL),
    Case("kafka.sasl.passwordKey", "k", WORKER, env("KAFKA_SASL_PASSWORD_FILE"), "/etc/cfstream/secrets/kafka-sasl/k", SASL),
    Case("kafka.sasl.oauthClientSecretKey", "k", PRODUCER, env("KAFKA_OAUTH_CLIENT_SECRET_FILE"), "/etc/cfstream/secrets/kafka-sasl/k", OAUTH),
    Case("kafka.sasl.oauthTokenUrl", "https://t.example.com", PRODUCER, env("KAFKA_OAUTH_TOKEN_URL"), "https://t.example.com", OAUTH),
    Case("kafka.sasl.oauthClientId", "you", PRODUCER, env("KAFKA_OAUTH_CLIENT_ID"), "you", OAUTH),
    Case("kafka.sasl.oauthScope", "s", PRODUCER, env("KAFKA_OAUTH_SCOPE"), "s", OAUTH),
    Case("kafka.sasl.oauthCaSecret", "my-ca", WORKER, volume("kafka-oauth-ca"), "my-ca", OAUTH),
    Case("kafka.sasl.oauthCaKey", "k", PRODUCER, env("KAFKA_OAUTH_CA_FILE"), "/etc/cfstream/secrets/kafka-oauth-ca/k", OAUTH_CA),
    Case("kafka.brokerPorts", [9191], ("NetworkPolicy", "worker"), "spec/egress/1/ports/1/port", 9191),
    Case("schemaRegistry.url", "http://r:1", WORKER, env("SCHEMA_REGISTRY_URL"), "http://r:1"),
    Case("schemaRegistry.username", "you", WORKER, env("SCHEMA_REGISTRY_USERNAME"), "you", REGISTRY),
    Case("schemaRegistry.existingSecret", "s", WORKER, volume("registry"), "s", REGISTRY),
    Case("schemaRegistry.passwordKey", "k", WORKER, env("SCHEMA_REGISTRY_PASSWORD_FILE"), "/etc/cfstream/secrets/registry/k", REGISTRY),
    Case("schemaRegistry.caSecret", "ca", WORKER, volume("registry-ca"), "ca"),
    Case("schemaRegistry.caKey", "k", WORKER, env("SCHEMA_REGISTRY_CA_FILE"), "/etc/cfstream/secrets/registry-ca/k",
         {"schemaRegistry": {"caSecret": "ca"}}),
    Case("topics.prefix", "eu.", WORKER, env("TOPIC_PREFIX"), "eu."),
    Case("topics.partitions", 30, WORKER, env("PARTITIONS"), "30"),
    Case("topics.replicationFactor", 3, SETUP, env("REPLICATION_FACTOR").replace("containers", "initContainers"), "3"),
    Case("topics.retentionDays", 7, PRODUCER, env("RETENTION_DAYS"), "7"),
    Case("settings", {"log_level": "debug"}, PRODUCER, env("LOG_LEVEL"), "debug"),
    Case("setup.enabled", False, SETUP, "", GONE),
    Case("setup.mode", "hook", SETUP, "metadata/annotations/helm.sh~hook", "pre-install,pre-upgrade"),
    Case("setup.topics", "check", SETUP, f"{POD}/initContainers/0/args", ["topics", "check"]),
    Case("setup.schemas", "check", SETUP, f"{POD}/containers/0/args", ["schemas", "check"]),
    Case("setup.activeDeadlineSeconds", 99, SETUP, "spec/activeDeadlineSeconds", 99),
    Case("setup.backoffLimit", 1, SETUP, "spec/backoffLimit", 1),
    Case("setup.resources", {"limits": {"memory": "1Gi"}}, SETUP, f"{POD}/containers/0/resources/limits/memory", "1Gi"),
    Case("setup.pod", {"priorityClassName": "p"}, SETUP, f"{POD}/priorityClassName", "p"),
    Case("producer.replicas", 5, PRODUCER, "spec/replicas", 5),
    Case("producer.image.repository", "a/b", PRODUCER, f"{POD}/containers/0/image", "a/b:0.1.0"),
    Case("producer.image.tag", "9", PRODUCER, f"{POD}/containers/0/image", "cfstream-producer:9"),
    Case("producer.image.digest", "sha256:" + "a" * 64, PRODUCER, f"{POD}/containers/0/image", "cfstream-producer@sha256:" + "a" * 64),
    Case("producer.settings", {"poll_seconds": 2.5}, PRODUCER, env("POLL_SECONDS"), "2.5"),
    Case("producer.resources", {"limits": {"memory": "1Gi"}}, PRODUCER, f"{POD}/containers/0/resources/limits/memory", "1Gi"),
    Case("producer.terminationGracePeriodSeconds", 99, PRODUCER, f"{POD}/terminationGracePeriodSeconds", 99),
    Case("producer.pdb.enabled", False, ("PodDisruptionBudget", "producer"), "", GONE),
    Case("producer.pdb.maxUnavailable", 2, ("PodDisruptionBudget", "producer"), "spec/maxUnavailable", 2),
    Case("producer.probes.startup", {"periodSeconds": 9}, PRODUCER, f"{POD}/containers/0/startupProbe/periodSeconds", 9),
    Case("producer.probes.readiness", {"periodSeconds": 9}, PRODUCER, f"{POD}/containers/0/readinessProbe/periodSeconds", 9),
    Case("producer.probes.liveness", {"periodSeconds": 9}, PRODUCER, f"{POD}/containers/0/livenessProbe/periodSeconds", 9),
    Case("producer.networkPolicy.apiPorts", [8443], ("NetworkPolicy", "producer"), "spec/egress/1/ports/3/port", 8443),
    Case("producer.networkPolicy.extraEgress", [{"ports": [{"port": 3128}]}], ("NetworkPolicy", "producer"), "spec/egress/2/ports/0/port", 3128),
    Case("producer.pod", {"runtimeClassName": "g"}, PRODUCER, f"{POD}/runtimeClassName", "g"),
    Case("worker.replicas", 7, WORKER, "spec/replicas", 7),
    Case("worker.image.repository", "a/b", WORKER, f"{POD}/containers/0/image", "a/b:0.1.0"),
    Case("worker.image.tag", "9", NOTIFIER, f"{POD}/containers/0/image", "cfstream-worker:9", SLACK),
    Case("worker.image.digest", "sha256:" + "a" * 64, WORKER, f"{POD}/containers/0/image", "cfstream-worker@sha256:" + "a" * 64),
    Case("worker.settings", {"worker_chunk_records": 7}, WORKER, env("WORKER_CHUNK_RECORDS"), "7"),
    Case("worker.resources", {"limits": {"memory": "2Gi"}}, WORKER, f"{POD}/containers/0/resources/limits/memory", "2Gi"),
    Case("worker.terminationGracePeriodSeconds", 99, WORKER, f"{POD}/terminationGracePeriodSeconds", 99),
    Case("worker.podManagementPolicy", "OrderedReady", WORKER, "spec/podManagementPolicy", "OrderedReady"),
    Case("worker.persistence.enabled", False, WORKER, volume("data", "emptyDir"), {}),
    Case("worker.persistence.size", "9Gi", WORKER, "spec/volumeClaimTemplates/0/spec/resources/requests/storage", "9Gi"),
    Case("worker.persistence.storageClassName", "fast", WORKER, "spec/volumeClaimTemplates/0/spec/storageClassName", "fast"),
    Case("worker.persistence.accessModes", ["ReadWriteOncePod"], WORKER, "spec/volumeClaimTemplates/0/spec/accessModes", ["ReadWriteOncePod"]),
    Case("worker.persistence.whenScaled", "Delete", WORKER, "spec/persistentVolumeClaimRetentionPolicy/whenScaled", "Delete"),
    Case("worker.persistence.whenDeleted", "Delete", WORKER, "spec/persistentVolumeClaimRetentionPolicy/whenDeleted", "Delete"),
    Case("worker.autoscaling.type", "keda", ("ScaledObject", "worker"), "spec/scaleTargetRef/name", "live-cfstream-worker"),
    Case("worker.autoscaling.minReplicas", 3, ("HorizontalPodAutoscaler", "worker"), "spec/minReplicas", 3, HPA),
    Case("worker.autoscaling.maxReplicas", 9, ("HorizontalPodAutoscaler", "worker"), "spec/maxReplicas", 9, HPA),
    Case("worker.autoscaling.targetCPUUtilizationPercentage", 50, ("HorizontalPodAutoscaler", "worker"), "spec/metrics/0/resource/target/averageUtilization", 50, HPA),
    Case("worker.autoscaling.targetLag", 10, ("ScaledObject", "worker"), "spec/triggers/0/metadata/lagThreshold", "10",
         {"worker": {"autoscaling": {"type": "keda"}}}),
    Case("worker.autoscaling.lagMetric", "m", ("HorizontalPodAutoscaler", "worker"), "spec/metrics/1/pods/metric/name", "m", HPA),
    Case("worker.autoscaling.scaleDownStabilizationSeconds", 60, ("HorizontalPodAutoscaler", "worker"), "spec/behavior/scaleDown/stabilizationWindowSeconds", 60, HPA),
    Case("worker.pdb.enabled", False, ("PodDisruptionBudget", "worker"), "", GONE),
    Case("worker.pdb.maxUnavailable", 2, ("PodDisruptionBudget", "worker"), "spec/maxUnavailable", 2),
    Case("worker.probes.startup", {"failureThreshold": 9}, WORKER, f"{POD}/containers/0/startupProbe/failureThreshold", 9),
    Case("worker.probes.readiness", {"periodSeconds": 9}, WORKER, f"{POD}/containers/0/readinessProbe/periodSeconds", 9),
    Case("worker.probes.liveness", {"periodSeconds": 9}, WORKER, f"{POD}/containers/0/livenessProbe/periodSeconds", 9),
    Case("worker.networkPolicy.extraEgress", [{"ports": [{"port": 3128}]}], ("NetworkPolicy", "worker"), "spec/egress/2/ports/0/port", 3128),
    Case("worker.pod", {"nodeSelector": {"a": "b"}}, WORKER, f"{POD}/nodeSelector", {"a": "b"}),
    Case("alerts.config", {"rules": [{"name": "r", "kind": "rate"}]}, WORKER, env("ALERTS_CONFIG"), "/etc/cfstream/alerts/alerts.yaml"),
    Case("alerts.receiversSecret", "s", NOTIFIER, volume("receivers"), "s", SLACK),
    Case("notifier.enabled", True, NOTIFIER, f"{POD}/containers/0/args", ["notifier", "run"], {"notifier": {"slackWebhook": {"existingSecret": "s"}}}),
    Case("notifier.slackWebhook.existingSecret", "s", NOTIFIER, volume("slack"), "s", {"notifier": {"enabled": True}}),
    Case("notifier.slackWebhook.key", "k", NOTIFIER, env("SLACK_WEBHOOK_URL_FILE"), "/etc/cfstream/secrets/slack/k", SLACK),
    Case("notifier.api.enabled", True, NOTIFIER, env("NOTIFIER_API_PORT"), "9093", merged(SLACK, {"notifier": {"api": {"existingSecret": "s"}}})),
    Case("notifier.api.existingSecret", "s", NOTIFIER, volume("api"), "s", merged(SLACK, {"notifier": {"api": {"enabled": True}}})),
    Case("notifier.api.tokenKey", "k", NOTIFIER, env("NOTIFIER_API_TOKEN_FILE"), "/etc/cfstream/secrets/api/k", API),
    Case("notifier.api.port", 80, ("Service", "notifier"), "spec/ports/0/port", 80, API),
    Case("notifier.networkPolicy.apiFrom", [{"podSelector": {}}], ("NetworkPolicy", "notifier"), "spec/ingress/1/from", [{"podSelector": {}}], API),
    Case("notifier.settings", {"notifier_group": "g"}, NOTIFIER, env("NOTIFIER_GROUP"), "g", SLACK),
    Case("notifier.resources", {"limits": {"memory": "1Gi"}}, NOTIFIER, f"{POD}/containers/0/resources/limits/memory", "1Gi", SLACK),
    Case("notifier.terminationGracePeriodSeconds", 99, NOTIFIER, f"{POD}/terminationGracePeriodSeconds", 99, SLACK),
    Case("notifier.probes.startup", {"periodSeconds": 9}, NOTIFIER, f"{POD}/containers/0/startupProbe/periodSeconds", 9, SLACK),
    Case("notifier.probes.readiness", {"periodSeconds": 9}, NOTIFIER, f"{POD}/containers/0/readinessProbe/periodSeconds", 9, SLACK),
    Case("notifier.probes.liveness", {"periodSeconds": 9}, NOTIFIER, f"{POD}/containers/0/livenessProbe/periodSeconds", 9, SLACK),
    Case("notifier.networkPolicy.receiverPorts", [8443], ("NetworkPolicy", "notifier"), "spec/egress/2/ports/0/port", 8443, SLACK),
    Case("notifier.networkPolicy.extraEgress", [{"ports": [{"port": 9093}]}], ("NetworkPolicy", "notifier"), "spec/egress/3/ports/0/port", 9093, SLACK),
    Case("notifier.pod", {"nodeSelector": {"a": "b"}}, NOTIFIER, f"{POD}/nodeSelector", {"a": "b"}, SLACK),
    Case("reconcile.enabled", True, RECONCILE, f"{CRON}/template/spec/containers/0/args", ["reconcile"]),
    Case("reconcile.schedule", "@daily", RECONCILE, "spec/schedule", "@daily", {"reconcile": {"enabled": True}}),
    Case("reconcile.activeDeadlineSeconds", 99, RECONCILE, f"{CRON}/activeDeadlineSeconds", 99, {"reconcile": {"enabled": True}}),
    Case("reconcile.resources", {"limits": {"memory": "1Gi"}}, RECONCILE, f"{CRON}/template/spec/containers/0/resources/limits/memory", "1Gi", {"reconcile": {"enabled": True}}),
    Case("reconcile.pod", {"nodeSelector": {"a": "b"}}, RECONCILE, f"{CRON}/template/spec/nodeSelector", {"a": "b"}, {"reconcile": {"enabled": True}}),
    Case("pod.annotations", {"a": "b"}, WORKER, "spec/template/metadata/annotations/a", "b"),
    Case("pod.labels", {"a": "b"}, WORKER, "spec/template/metadata/labels/a", "b"),
    Case("pod.nodeSelector", {"a": "b"}, PRODUCER, f"{POD}/nodeSelector", {"a": "b"}),
    Case("pod.tolerations", [{"operator": "Exists"}], PRODUCER, f"{POD}/tolerations", [{"operator": "Exists"}]),
    Case("pod.affinity", {"nodeAffinity": {}}, PRODUCER, f"{POD}/affinity", {"nodeAffinity": {}}),
    Case("pod.topologySpreadConstraints", [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
         WORKER, f"{POD}/topologySpreadConstraints/0/labelSelector/matchLabels/app.kubernetes.io~component", "worker"),
    Case("pod.priorityClassName", "p", PRODUCER, f"{POD}/priorityClassName", "p"),
    Case("pod.runtimeClassName", "p", PRODUCER, f"{POD}/runtimeClassName", "p"),
    Case("pod.runAsUser", 2000, PRODUCER, f"{POD}/securityContext/runAsUser", 2000),
    Case("pod.runAsGroup", 2000, WORKER, f"{POD}/securityContext/fsGroup", 2000),
    Case("pod.extraEnv", [{"name": "A", "value": "b"}], PRODUCER, f"{POD}/containers/0/env/[A]/value", "b"),
    Case("pod.extraEnvFrom", [{"secretRef": {"name": "s"}}], PRODUCER, f"{POD}/containers/0/envFrom/0/secretRef/name", "s"),
    Case("pod.extraVolumes", [{"name": "v", "emptyDir": {}}], PRODUCER, volume("v", "emptyDir"), {}),
    Case("pod.extraVolumeMounts", [{"name": "v", "mountPath": "/m"}], PRODUCER, f"{POD}/containers/0/volumeMounts/[v]/mountPath", "/m"),
    Case("probes.startup", {"periodSeconds": 9}, PRODUCER, f"{POD}/containers/0/startupProbe/periodSeconds", 9),
    Case("probes.readiness", {"timeoutSeconds": 9}, WORKER, f"{POD}/containers/0/readinessProbe/timeoutSeconds", 9),
    Case("probes.liveness", {"failureThreshold": 9}, WORKER, f"{POD}/containers/0/livenessProbe/failureThreshold", 9),
    Case("serviceAccount.create", False, PRODUCER, f"{POD}/serviceAccountName", "default"),
    Case("serviceAccount.name", "me", PRODUCER, f"{POD}/serviceAccountName", "me"),
    Case("serviceAccount.annotations", {"a": "b"}, ("ServiceAccount", "cfstream"), "metadata/annotations", {"a": "b"}),
    Case("networkPolicy.enabled", False, ("NetworkPolicy", "producer"), "", GONE),
    Case("networkPolicy.metricsFrom", [{"podSelector": {}}], ("NetworkPolicy", "producer"), "spec/ingress/0/from", [{"podSelector": {}}]),
    Case("metrics.monitor", "service", ("ServiceMonitor", "cfstream"), "spec/endpoints/0/path", "/metrics"),
    Case("metrics.interval", "10s", ("PodMonitor", "cfstream"), "spec/podMetricsEndpoints/0/interval", "10s", PODMONITOR),
    Case("metrics.labels", {"a": "b"}, ("PodMonitor", "cfstream"), "metadata/labels/a", "b", PODMONITOR),
    Case("metrics.rules", True, ("PrometheusRule", "cfstream"), "spec/groups/0/name", "cfstream"),
    Case("metrics.runbookBaseUrl", "https://x.example.com/", ("PrometheusRule", "cfstream"), "spec/groups/0/rules/0/annotations/runbook_url",
         "https://x.example.com/CfstreamApiFailing.md", RULES),
    Case("metrics.dashboards", True, ("ConfigMap", "dashboards"), "metadata/labels/grafana_dashboard", "1"),
    Case("metrics.dashboardLabels", {"a": "b"}, ("ConfigMap", "dashboards"), "metadata/labels/a", "b", DASHBOARDS),
    Case("strimzi.cluster", "k", ("KafkaTopic", "app-state"), "metadata/labels/strimzi.io~cluster", "k", TOPICS),
    Case("strimzi.namespace", "kafka", ("KafkaTopic", "app-state"), "metadata/namespace", "kafka", TOPICS),
    Case("strimzi.topics.enabled", True, ("KafkaTopic", "app-state"), "spec/topicName", "cf.app-state",
         {"strimzi": {"cluster": "k"}, "setup": {"topics": "none"}}),
    Case("strimzi.users.enabled", True, ("KafkaUser", "worker"), "spec/authorization/type", "simple", USERS),
    Case("strimzi.users.authentication", "tls", ("KafkaUser", "worker"), "spec/authentication/type", "tls",
         USERS | {"kafka": {"securityProtocol": "SSL"}}),
    Case("strimzi.users.acls", False, ("KafkaUser", "worker"), "spec", {"authentication": {"type": "scram-sha-512"}}, USERS),
    Case("extraManifests", [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "my-x"}}], ("ConfigMap", "x"), "metadata/name", "my-x"),
]  # fmt: skip


def nested(name: str, value: Any) -> dict[str, Any]:
    for step in reversed(name.split(".")):
        value = {step: value}
    assert isinstance(value, dict)
    return value
