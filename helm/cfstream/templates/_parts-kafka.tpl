{{/*
Kafka's credentials for a component: the value kafka, or the KafkaUser that the release makes for the component.
Returns securityProtocol, tls and sasl in the shape of the value kafka.
*/}}
{{- define "cfstream.kafkaAccess" -}}
{{- $kafka := deepCopy .root.Values.kafka -}}
{{- $strimzi := .root.Values.strimzi -}}
{{- if $strimzi.users.enabled -}}
{{- $user := include "cfstream.componentName" (dict "root" .root "component" (default .component .kafkaUser)) -}}
{{- if and (contains "SSL" $kafka.securityProtocol) (not $kafka.tls.caSecret) -}}
{{- $_ := set $kafka.tls "caSecret" (printf "%s-cluster-ca-cert" $strimzi.cluster) -}}
{{- end -}}
{{- if eq $strimzi.users.authentication "tls" -}}
{{- $_ := mergeOverwrite $kafka.tls (dict "clientSecret" $user "certificateKey" "user.crt" "keyKey" "user.key" "keyPasswordKey" "") -}}
{{- else -}}
{{- $_ := mergeOverwrite $kafka.sasl (dict "mechanism" "SCRAM-SHA-512" "username" $user "existingSecret" $user "passwordKey" "password") -}}
{{- end -}}
{{- end -}}
{{- toYaml $kafka -}}
{{- end -}}

{{- define "cfstream.part.kafka" -}}
{{- $kafka := include "cfstream.kafkaAccess" . | fromYaml -}}
{{- $plain := dict "kafka_bootstrap_servers" $kafka.bootstrapServers "kafka_security_protocol" $kafka.securityProtocol "kafka_sasl_mechanism" $kafka.sasl.mechanism -}}
{{- $secrets := list -}}
{{- with $kafka.tls.caSecret -}}
{{- $secrets = append $secrets (dict "volume" "kafka-ca" "secret" . "items" (list $kafka.tls.caKey) "env" (dict "kafka_ssl_ca_file" $kafka.tls.caKey)) -}}
{{- end -}}
{{- with $kafka.tls.clientSecret -}}
{{- $files := dict "kafka_ssl_certificate_file" $kafka.tls.certificateKey "kafka_ssl_key_file" $kafka.tls.keyKey -}}
{{- with $kafka.tls.keyPasswordKey -}}{{- $_ := set $files "kafka_ssl_key_password_file" . -}}{{- end -}}
{{- $secrets = append $secrets (dict "volume" "kafka-client" "secret" . "items" (values $files | sortAlpha) "env" $files) -}}
{{- end -}}
{{- if eq $kafka.sasl.mechanism "OAUTHBEARER" -}}
{{- $plain = merge $plain (dict "kafka_oauth_token_url" $kafka.sasl.oauthTokenUrl "kafka_oauth_client_id" $kafka.sasl.oauthClientId "kafka_oauth_scope" $kafka.sasl.oauthScope) -}}
{{- $secrets = append $secrets (dict "volume" "kafka-sasl" "secret" $kafka.sasl.existingSecret "items" (list $kafka.sasl.oauthClientSecretKey) "env" (dict "kafka_oauth_client_secret_file" $kafka.sasl.oauthClientSecretKey)) -}}
{{- with $kafka.sasl.oauthCaSecret -}}
{{- $secrets = append $secrets (dict "volume" "kafka-oauth-ca" "secret" . "items" (list $kafka.sasl.oauthCaKey) "env" (dict "kafka_oauth_ca_file" $kafka.sasl.oauthCaKey)) -}}
{{- end -}}
{{- else if $kafka.sasl.mechanism -}}
{{- $plain = merge $plain (dict "kafka_sasl_username" $kafka.sasl.username) -}}
{{- $secrets = append $secrets (dict "volume" "kafka-sasl" "secret" $kafka.sasl.existingSecret "items" (list $kafka.sasl.passwordKey) "env" (dict "kafka_sasl_password_file" $kafka.sasl.passwordKey)) -}}
{{- end -}}
{{- $files := include "cfstream.secrets" $secrets | fromYaml -}}
env:
  {{- range $name, $value := $plain }}
  {{- include "cfstream.variable" (dict "name" $name "value" $value) | nindent 2 }}
  {{- end }}
  {{- range $files.env }}
  - {{ toYaml . | nindent 4 | trim }}
  {{- end }}
volumes:
  {{- default (list) $files.volumes | toYaml | nindent 2 }}
volumeMounts:
  {{- default (list) $files.volumeMounts | toYaml | nindent 2 }}
{{- end -}}
