{{/* The addresses and keys of the receivers, as files. */}}
{{- define "cfstream.part.receivers" -}}
{{- with .root.Values.alerts.receiversSecret -}}
volumes:
  - name: receivers
    secret:
      secretName: {{ . }}
      defaultMode: 0440
volumeMounts:
  - name: receivers
    mountPath: /etc/cfstream/receivers
    readOnly: true
{{- else -}}
volumes: []
{{- end -}}
{{- end -}}

{{- define "cfstream.alertsChecksum" -}}
checksum/alerts: {{ toYaml .Values.alerts.config | sha256sum }}
{{- end -}}
