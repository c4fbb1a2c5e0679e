{{/* The API of alerts and silences, where it is on. */}}
{{- define "cfstream.part.api" -}}
{{- with .values.api -}}
{{- if .enabled -}}
{{- $secret := dict "volume" "api" "secret" .existingSecret "items" (list .tokenKey) "env" (dict "notifier_api_token_file" .tokenKey) -}}
{{- $files := include "cfstream.secrets" (list $secret) | fromYaml -}}
{{- $port := include "cfstream.variable" (dict "name" "notifier_api_port" "value" (include "cfstream.apiPort" .)) | fromYamlArray -}}
{{- set $files "env" (concat $port $files.env) | toYaml -}}
{{- else -}}
env: []
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cfstream.apiPort" -}}9093{{- end -}}

{{/* The addresses and keys of the receivers, as files. */}}
{{- define "cfstream.part.receivers" -}}
{{- $hook := .values.slackWebhook -}}
env:
  {{- if $hook.existingSecret }}
  {{- include "cfstream.variable" (dict "name" "slack_webhook_url_file" "value" (printf "/etc/cfstream/secrets/slack/%s" $hook.key)) | nindent 2 }}
  {{- end }}
volumes:
  {{- with $hook.existingSecret }}
  {{- include "cfstream.secretVolume" (dict "volume" "slack" "secret" . "items" (list $hook.key)) | nindent 2 }}
  {{- end }}
  {{- with .root.Values.alerts.receiversSecret }}
  - name: receivers
    secret:
      secretName: {{ . }}
      defaultMode: 0440
  {{- end }}
volumeMounts:
  {{- if $hook.existingSecret }}
  {{- include "cfstream.secretMount" (dict "volume" "slack") | nindent 2 }}
  {{- end }}
  {{- if .root.Values.alerts.receiversSecret }}
  - name: receivers
    mountPath: /etc/cfstream/receivers
    readOnly: true
  {{- end }}
{{- end -}}

{{- define "cfstream.alertsChecksum" -}}
checksum/alerts: {{ toYaml .Values.alerts.config | sha256sum }}
{{- end -}}
