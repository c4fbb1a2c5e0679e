{{/* Static membership: a restarted pod takes back its own partitions. */}}
{{- define "cfstream.part.instance" -}}
env:
  - name: CFSTREAM_WORKER_INSTANCE_ID
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
{{- end -}}

{{/* The alerts file without what only the notifier reads, so that a change of routes restarts no worker. */}}
{{- define "cfstream.rulesFile" -}}
{{- with omit .Values.alerts.config "receivers" "route" "inhibit_rules" "storm_hold" "mute_times" "history" "flapping" "watch" "heartbeat" "external_url" -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/* The alerts file of the component, where it has one. */}}
{{- define "cfstream.part.alerts" -}}
{{- if or (include "cfstream.rulesFile" .root) (and (eq .component "notifier") .root.Values.alerts.config) -}}
env:
  {{- include "cfstream.variable" (dict "name" "alerts_config" "value" "/etc/cfstream/alerts/alerts.yaml") | nindent 2 }}
volumes:
  - name: alerts
    configMap:
      name: {{ include "cfstream.componentName" . }}
volumeMounts:
  - name: alerts
    mountPath: /etc/cfstream/alerts
    readOnly: true
{{- else -}}
env: []
{{- end -}}
{{- end -}}

{{- define "cfstream.rulesChecksum" -}}
{{- with include "cfstream.rulesFile" . -}}
checksum/alerts: {{ sha256sum . }}
{{- end -}}
{{- end -}}
