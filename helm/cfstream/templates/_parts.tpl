{{/*
Parts: what a component needs to know, each as environment, volumes and mounts. A component's plan lists its parts;
"cfstream.wiring" puts them together. A new part is one more definition named "cfstream.part.<name>".
Secrets are files, named by CFSTREAM_…_FILE; all else is environment, so that a change of it rolls the pods.
*/}}

{{- define "cfstream.wiring" -}}
{{- $plan := . -}}
{{- $pod := include "cfstream.podValues" . | fromYaml -}}
{{- $env := list -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- range prepend .parts "base" -}}
{{- $part := include (printf "cfstream.part.%s" .) $plan | fromYaml -}}
{{- if hasKey $part "Error" -}}{{- fail (printf "part %s: %s" . $part.Error) -}}{{- end -}}
{{- $env = concat $env (default (list) $part.env) -}}
{{- $volumes = concat $volumes (default (list) $part.volumes) -}}
{{- $mounts = concat $mounts (default (list) $part.volumeMounts) -}}
{{- end -}}
{{- $known := list -}}
{{- range $env -}}{{- $known = append $known .name -}}{{- end -}}
{{- range $pod.extraEnv -}}
{{- if has .name $known -}}
{{- fail (printf "extraEnv must not set %s, which the chart sets from its own values." .name) -}}
{{- end -}}
{{- end -}}
env:
  {{- concat $env (default (list) $pod.extraEnv) | toYaml | nindent 2 }}
volumes:
  {{- concat $volumes (default (list) $pod.extraVolumes) | toYaml | nindent 2 }}
volumeMounts:
  {{- concat $mounts (default (list) $pod.extraVolumeMounts) | toYaml | nindent 2 }}
{{- end -}}

{{/* One variable; nothing where the value is empty. Takes name and value. */}}
{{- define "cfstream.variable" -}}
{{- if not (or (eq (toString .value) "") (eq .value nil)) }}
- name: CFSTREAM_{{ .name | upper }}
  value: {{ if kindIs "string" .value }}{{ .value | quote }}{{ else if or (kindIs "map" .value) (kindIs "slice" .value) }}{{ toJson .value | quote }}{{ else if kindIs "float64" .value }}{{ if eq .value (floor .value) }}{{ int64 .value | toString | quote }}{{ else }}{{ .value | toString | quote }}{{ end }}{{ else }}{{ .value | toString | quote }}{{ end }}
{{- end }}
{{- end -}}

{{/* Every pod: the free settings, a data folder, a scratch folder. */}}
{{- define "cfstream.part.base" -}}
env:
  {{- include "cfstream.variable" (dict "name" "data_dir" "value" "/var/lib/cfstream") | nindent 2 }}
  {{- $settings := merge (dict) (default (dict) .values.settings) .root.Values.settings }}
  {{- range $name, $value := $settings }}
  {{- include "cfstream.variable" (dict "name" $name "value" $value) | nindent 2 }}
  {{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  {{- if not .ownsData }}
  - name: data
    emptyDir: {}
  {{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: data
    mountPath: /var/lib/cfstream
{{- end -}}

{{/* Health and metrics. */}}
{{- define "cfstream.part.http" -}}
env:
  {{- include "cfstream.variable" (dict "name" "http_host" "value" "0.0.0.0") | nindent 2 }}
  {{- include "cfstream.variable" (dict "name" "http_port" "value" (include "cfstream.httpPort" .)) | nindent 2 }}
{{- end -}}

{{/* The topics. */}}
{{- define "cfstream.part.topics" -}}
{{- $topics := .root.Values.topics -}}
env:
  {{- range $name, $value := dict "topic_prefix" (default $topics.prefix .prefix) "partitions" $topics.partitions "replication_factor" $topics.replicationFactor "retention_days" $topics.retentionDays }}
  {{- include "cfstream.variable" (dict "name" $name "value" $value) | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A Secret mounted as a folder /etc/cfstream/secrets/<volume>. Takes volume and secret. */}}
{{- define "cfstream.secretVolume" -}}
- name: {{ .volume }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    {{- with .items }}
    items:
      {{- range . }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
    {{- end }}
{{- end -}}

{{- define "cfstream.secretMount" -}}
- name: {{ .volume }}
  mountPath: /etc/cfstream/secrets/{{ .volume }}
  readOnly: true
{{- end -}}

{{/* Several Secrets. Takes a list of dictionaries: volume, secret, items, env (variable name → file). */}}
{{- define "cfstream.secrets" -}}
env:
  {{- range $one := . }}
  {{- range $name, $file := $one.env }}
  {{- include "cfstream.variable" (dict "name" $name "value" (printf "/etc/cfstream/secrets/%s/%s" $one.volume $file)) | nindent 2 }}
  {{- end }}
  {{- end }}
volumes:
  {{- range . }}
  {{- include "cfstream.secretVolume" . | nindent 2 }}
  {{- end }}
volumeMounts:
  {{- range . }}
  {{- include "cfstream.secretMount" . | nindent 2 }}
  {{- end }}
{{- end -}}
