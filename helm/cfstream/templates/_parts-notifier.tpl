{{/* The addresses and keys of the receivers, as files; and whose lag is watched. */}}
{{- define "cfstream.part.receivers" -}}
{{- $hook := .values.slackWebhook -}}
env:
  {{- include "cfstream.variable" (dict "name" "worker_group" "value" (include "cfstream.workerGroup" .root)) | nindent 2 }}
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
