{{/* Combinations that cannot work. One sentence each: what is wrong, what to set. */}}

{{- define "cfstream.checks.sources" -}}
{{- $v := .Values -}}
{{- if and $v.cf.api $v.foundations -}}
{{- fail "cf.api and foundations exclude each other: set cf.api for one foundation, or foundations for several." -}}
{{- end -}}
{{- if not (or $v.cf.api $v.foundations) -}}
{{- fail "No Cloud Controller is named: set cf.api, such as https://api.sys.example.com, or foundations for several." -}}
{{- end -}}
{{- if and $v.cf.clientId $v.cf.username -}}
{{- fail "cf.clientId and cf.username exclude each other: log in as a UAA client or as a user." -}}
{{- end -}}
{{- if and $v.cf.api (not (or $v.cf.clientId $v.cf.username)) -}}
{{- fail "No credentials for the Cloud Controller: set cf.clientId, or cf.username, and cf.existingSecret." -}}
{{- end -}}
{{- if and (or $v.cf.clientId $v.cf.username) (not $v.cf.existingSecret) -}}
{{- fail "cf.existingSecret is not set: name the Secret that holds the Cloud Controller credentials." -}}
{{- end -}}
{{- $names := dict -}}
{{- range $v.foundations -}}
{{- if hasKey $names .name -}}
{{- fail (printf "foundations: the name %s is given twice; each foundation needs a name of its own." .name) -}}
{{- end -}}
{{- $_ := set $names .name true -}}
{{- if and (not .existingSecret) (not $v.cf.existingSecret) -}}
{{- fail (printf "foundations: %s has no credentials; set its existingSecret, or cf.existingSecret for all." .name) -}}
{{- end -}}
{{- if and .existingSecret (not (or .cf_client_id .cf_username)) -}}
{{- fail (printf "foundations: %s has an existingSecret but neither cf_client_id nor cf_username." .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cfstream.checks.kafka" -}}
{{- $v := .Values -}}
{{- $sasl := hasPrefix "SASL" $v.kafka.securityProtocol -}}
{{- if not $v.kafka.bootstrapServers -}}
{{- fail "kafka.bootstrapServers is not set: name the brokers as host:port, separated by commas." -}}
{{- end -}}
{{- range splitList "," $v.kafka.bootstrapServers -}}
{{- if not (regexMatch "^[^\\s:/]+:[0-9]+$|^\\[[0-9a-fA-F:]+\\]:[0-9]+$" (trim .)) -}}
{{- fail (printf "kafka.bootstrapServers: %q is not host:port." .) -}}
{{- end -}}
{{- end -}}
{{- if not $v.schemaRegistry.url -}}
{{- fail "schemaRegistry.url is not set: name the schema registry, such as http://registry:8081." -}}
{{- end -}}
{{- if and $v.schemaRegistry.username (not $v.schemaRegistry.existingSecret) -}}
{{- fail "schemaRegistry.username is set without schemaRegistry.existingSecret, the Secret with its password." -}}
{{- end -}}
{{- if and $v.schemaRegistry.existingSecret (not $v.schemaRegistry.username) -}}
{{- fail "schemaRegistry.existingSecret is set without schemaRegistry.username." -}}
{{- end -}}
{{- if and $v.kafka.sasl.mechanism (not $sasl) -}}
{{- fail (printf "kafka.sasl.mechanism needs kafka.securityProtocol SASL_SSL or SASL_PLAINTEXT, not %s." $v.kafka.securityProtocol) -}}
{{- end -}}
{{- if and $sasl (not $v.kafka.sasl.mechanism) (not $v.strimzi.users.enabled) -}}
{{- fail (printf "kafka.securityProtocol %s needs kafka.sasl.mechanism." $v.kafka.securityProtocol) -}}
{{- end -}}
{{- if and (eq $v.kafka.securityProtocol "SASL_PLAINTEXT") (not $v.kafka.allowInsecure) -}}
{{- fail "SASL_PLAINTEXT sends credentials unencrypted: use SASL_SSL, or set kafka.allowInsecure if you mean it." -}}
{{- end -}}
{{- if $v.kafka.sasl.mechanism -}}
{{- if not $v.kafka.sasl.existingSecret -}}
{{- fail "kafka.sasl.existingSecret is not set: name the Secret that holds the Kafka credentials." -}}
{{- end -}}
{{- if eq $v.kafka.sasl.mechanism "OAUTHBEARER" -}}
{{- if not (and $v.kafka.sasl.oauthTokenUrl $v.kafka.sasl.oauthClientId) -}}
{{- fail "OAUTHBEARER needs kafka.sasl.oauthTokenUrl and kafka.sasl.oauthClientId." -}}
{{- end -}}
{{- if eq $v.worker.autoscaling.type "keda" -}}
{{- fail "KEDA is not given OAUTHBEARER's credentials: with it set worker.autoscaling.type to hpa or none." -}}
{{- end -}}
{{- else if not $v.kafka.sasl.username -}}
{{- fail (printf "kafka.sasl.username is not set, and %s needs it." $v.kafka.sasl.mechanism) -}}
{{- end -}}
{{- end -}}
{{- if and (or $v.kafka.tls.clientSecret $v.kafka.tls.caSecret) (not (hasSuffix "SSL" $v.kafka.securityProtocol)) -}}
{{- fail (printf "kafka.tls needs kafka.securityProtocol SSL or SASL_SSL, not %s." $v.kafka.securityProtocol) -}}
{{- end -}}
{{- end -}}

{{- define "cfstream.checks.scale" -}}
{{- $v := .Values -}}
{{- $partitions := int $v.topics.partitions -}}
{{- if eq $v.worker.autoscaling.type "none" -}}
{{- if gt (int $v.worker.replicas) $partitions -}}
{{- fail (printf "worker.replicas %d is more than topics.partitions %d: the workers beyond would be idle." (int $v.worker.replicas) $partitions) -}}
{{- end -}}
{{- else -}}
{{- with $v.worker.autoscaling -}}
{{- if gt (int .maxReplicas) $partitions -}}
{{- fail (printf "worker.autoscaling.maxReplicas %d is more than topics.partitions %d: the workers beyond would be idle." (int .maxReplicas) $partitions) -}}
{{- end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail "worker.autoscaling.minReplicas is more than maxReplicas." -}}
{{- end -}}
{{- if and (eq .type "hpa") (not (or .targetCPUUtilizationPercentage .lagMetric)) -}}
{{- fail "worker.autoscaling.type hpa needs targetCPUUtilizationPercentage or lagMetric." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cfstream.checks.alerts" -}}
{{- $v := .Values -}}
{{- if and $v.notifier.enabled (not (or $v.alerts.config.receivers $v.notifier.slackWebhook.existingSecret)) -}}
{{- fail "notifier.enabled needs alerts.config.receivers or notifier.slackWebhook.existingSecret: say who hears of the alerts." -}}
{{- end -}}
{{- if and $v.alerts.config.receivers $v.notifier.slackWebhook.existingSecret -}}
{{- fail "notifier.slackWebhook is for a notifier without alerts.config.receivers: name the webhook there, or leave the receivers out." -}}
{{- end -}}
{{- if and $v.alerts.config.receivers (not $v.notifier.enabled) -}}
{{- fail "alerts.config.receivers hear nothing without the notifier: set notifier.enabled, or leave them out." -}}
{{- end -}}
{{- if and $v.notifier.api.enabled (not $v.notifier.api.existingSecret) -}}
{{- fail "notifier.api.enabled needs notifier.api.existingSecret, the Secret with the token that callers give." -}}
{{- end -}}
{{- if and (contains "/etc/cfstream/receivers/" (toYaml $v.alerts.config)) (not $v.alerts.receiversSecret) -}}
{{- fail "alerts.config names files under /etc/cfstream/receivers: set alerts.receiversSecret, the Secret that holds them." -}}
{{- end -}}
{{- end -}}

{{- define "cfstream.checks.strimzi" -}}
{{- $v := .Values -}}
{{- $s := $v.strimzi -}}
{{- if and (or $s.topics.enabled $s.users.enabled) (not $s.cluster) -}}
{{- fail "strimzi.cluster is not set: name the Kafka cluster that the topics or users are for." -}}
{{- end -}}
{{- if and $s.topics.enabled $v.setup.enabled (eq $v.setup.topics "apply") -}}
{{- fail "strimzi.topics.enabled makes the topics: set setup.topics to check or none." -}}
{{- end -}}
{{- if and $s.topics.enabled $v.setup.enabled (eq $v.setup.mode "hook") (eq $v.setup.topics "check") -}}
{{- fail "The topics are not there yet when a hook runs: with strimzi.topics.enabled set setup.mode to job, or setup.topics to none." -}}
{{- end -}}
{{- if $s.users.enabled -}}
{{- if and $v.setup.enabled (eq $v.setup.mode "hook") -}}
{{- fail "The users' Secrets are not there yet when a hook runs: with strimzi.users.enabled set setup.mode to job." -}}
{{- end -}}
{{- if and $s.namespace (ne $s.namespace .Release.Namespace) -}}
{{- fail "strimzi.users.enabled needs the users' Secrets in the release's namespace: leave strimzi.namespace empty and install there." -}}
{{- end -}}
{{- if or $v.kafka.sasl.existingSecret $v.kafka.tls.clientSecret -}}
{{- fail "strimzi.users.enabled brings the Kafka credentials: leave kafka.sasl and kafka.tls.clientSecret empty." -}}
{{- end -}}
{{- if and (eq $s.users.authentication "tls") (ne $v.kafka.securityProtocol "SSL") -}}
{{- fail "strimzi.users.authentication tls needs kafka.securityProtocol SSL." -}}
{{- end -}}
{{- if and (eq $s.users.authentication "scram-sha-512") (not (hasPrefix "SASL" $v.kafka.securityProtocol)) -}}
{{- fail "strimzi.users.authentication scram-sha-512 needs kafka.securityProtocol SASL_SSL." -}}
{{- end -}}
{{- end -}}
{{- end -}}
