{{/* The schema registry. */}}
{{- define "cfstream.part.registry" -}}
{{- $registry := .root.Values.schemaRegistry -}}
{{- $secrets := list -}}
{{- with $registry.existingSecret -}}
{{- $secrets = append $secrets (dict "volume" "registry" "secret" . "items" (list $registry.passwordKey) "env" (dict "schema_registry_password_file" $registry.passwordKey)) -}}
{{- end -}}
{{- with $registry.caSecret -}}
{{- $secrets = append $secrets (dict "volume" "registry-ca" "secret" . "items" (list $registry.caKey) "env" (dict "schema_registry_ca_file" $registry.caKey)) -}}
{{- end -}}
{{- $files := include "cfstream.secrets" $secrets | fromYaml -}}
env:
  {{- include "cfstream.variable" (dict "name" "schema_registry_url" "value" $registry.url) | nindent 2 }}
  {{- include "cfstream.variable" (dict "name" "schema_registry_username" "value" $registry.username) | nindent 2 }}
  {{- range $files.env }}
  - {{ toYaml . | nindent 4 | trim }}
  {{- end }}
volumes:
  {{- default (list) $files.volumes | toYaml | nindent 2 }}
volumeMounts:
  {{- default (list) $files.volumeMounts | toYaml | nindent 2 }}
{{- end -}}
