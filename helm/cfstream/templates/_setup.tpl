{{/* The containers of the setup job, run one after the other; the plan is the job's. */}}
{{- define "cfstream.setupSteps" -}}
{{- $setup := .Values.setup -}}
{{- $steps := list -}}
{{- if ne $setup.topics "none" -}}{{- $steps = append $steps (dict "name" "topics" "args" (list "topics" $setup.topics)) -}}{{- end -}}
{{- if ne $setup.schemas "none" -}}{{- $steps = append $steps (dict "name" "schemas" "args" (list "schemas" $setup.schemas)) -}}{{- end -}}
{{- toYaml $steps -}}
{{- end -}}

{{/* Annotations of objects that live only while a hook runs. Takes on (the hook) and weight. */}}
{{- define "cfstream.hook" -}}
helm.sh/hook: {{ .on }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* The job's specification. */}}
{{- define "cfstream.setupSpec" -}}
{{- $setup := .root.Values.setup -}}
{{- $plan := . -}}
{{- $steps := include "cfstream.setupSteps" .root | fromYamlArray -}}
backoffLimit: {{ $setup.backoffLimit }}
activeDeadlineSeconds: {{ $setup.activeDeadlineSeconds }}
template:
  metadata:
    {{- include "cfstream.podMetadata" $plan | nindent 4 }}
  spec:
    {{- include "cfstream.podSpec" $plan | nindent 4 }}
    restartPolicy: Never
    {{- with initial $steps }}
    initContainers:
      {{- range . }}
      - name: {{ .name }}
        args: {{ toJson .args }}
        {{- include "cfstream.container" $plan | nindent 8 }}
      {{- end }}
    {{- end }}
    containers:
      {{- with last $steps }}
      - name: {{ .name }}
        args: {{ toJson .args }}
        {{- include "cfstream.container" $plan | nindent 8 }}
      {{- end }}
{{- end -}}
