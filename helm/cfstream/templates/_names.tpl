{{/* The chart's name, as it stands in labels. */}}
{{- define "cfstream.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's full name; 40 characters, so that names made from it stay within 63. */}}
{{- define "cfstream.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "cfstream.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cfstream.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of a component's objects. Takes root and component, as all helpers below. */}}
{{- define "cfstream.componentName" -}}
{{- printf "%s-%s" (include "cfstream.fullname" .root) .component -}}
{{- end -}}

{{/* What selects a component's pods. Never changes for a release: selectors are immutable. */}}
{{- define "cfstream.selector" -}}
app.kubernetes.io/name: {{ include "cfstream.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* All labels of a component's objects. */}}
{{- define "cfstream.labels" -}}
{{ include "cfstream.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: cfstream
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name and labels of a component's object. */}}
{{- define "cfstream.metadata" -}}
name: {{ include "cfstream.componentName" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "cfstream.labels" . | nindent 2 }}
{{- end -}}

{{/* The image of a component; image is its value. */}}
{{- define "cfstream.image" -}}
{{- $repository := .image.repository -}}
{{- with .root.Values.global.imageRegistry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository -}}
{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The service account of the pods. */}}
{{- define "cfstream.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "cfstream.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}
