{{/* Name and labels of what the Prometheus operator reads. */}}
{{- define "cfstream.monitorMetadata" -}}
name: {{ include "cfstream.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "cfstream.labels" (dict "root" . "component" "metrics") | nindent 2 }}
  {{- with .Values.metrics.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What selects the release's pods that serve metrics: every component that takes the part http carries it. */}}
{{- define "cfstream.scraped" -}}
app.kubernetes.io/name: {{ include "cfstream.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
cfstream/metrics: "true"
{{- end -}}
