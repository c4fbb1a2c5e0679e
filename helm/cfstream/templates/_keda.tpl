{{/* KEDA's parameters that come from Secrets, for access to Kafka in the shape of the value kafka. */}}
{{- define "cfstream.kedaSecrets" -}}
{{- $out := list -}}
{{- with .tls.caSecret -}}
{{- $out = append $out (dict "parameter" "ca" "name" . "key" $.tls.caKey) -}}
{{- end -}}
{{- with .tls.clientSecret -}}
{{- $out = append $out (dict "parameter" "cert" "name" . "key" $.tls.certificateKey) -}}
{{- $out = append $out (dict "parameter" "key" "name" . "key" $.tls.keyKey) -}}
{{- with $.tls.keyPasswordKey -}}
{{- $out = append $out (dict "parameter" "keyPassword" "name" $.tls.clientSecret "key" .) -}}
{{- end -}}
{{- end -}}
{{- if .sasl.mechanism -}}
{{- $out = append $out (dict "parameter" "password" "name" .sasl.existingSecret "key" .sasl.passwordKey) -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* The workers' consumer group, as their settings name it. */}}
{{- define "cfstream.workerGroup" -}}
{{- default "cfstream-processors" (get .Values.worker.settings "worker_group") -}}
{{- end -}}
