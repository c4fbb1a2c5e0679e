{{/* The topic prefixes in use, the release's own first. */}}
{{- define "cfstream.topicPrefixes" -}}
{{- $prefixes := list .Values.topics.prefix -}}
{{- range .Values.foundations -}}{{- with .topic_prefix -}}{{- $prefixes = append $prefixes . -}}{{- end -}}{{- end -}}
{{- uniq $prefixes | toYaml -}}
{{- end -}}

{{/* The containers of the setup job, run one after the other: two for each topic prefix in use. */}}
{{- define "cfstream.setupSteps" -}}
{{- $steps := list -}}
{{- range $index, $prefix := include "cfstream.topicPrefixes" . | fromYamlArray -}}
{{- range $what := list "topics" "schemas" -}}
{{- $how := get $.Values.setup $what -}}
{{- if ne $how "none" -}}
{{- $name := ternary $what (printf "%s-%d" $what $index) (eq $index 0) -}}
{{- $steps = append $steps (dict "name" $name "args" (list $what $how) "prefix" $prefix) -}}
{{- end -}}
{{- end -}}
{{- end -}}
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
        {{- include "cfstream.container" (merge (dict "prefix" .prefix) $plan) | nindent 8 }}
      {{- end }}
    {{- end }}
    containers:
      {{- with last $steps }}
      - name: {{ .name }}
        args: {{ toJson .args }}
        {{- include "cfstream.container" (merge (dict "prefix" .prefix) $plan) | nindent 8 }}
      {{- end }}
{{- end -}}
