{{/* The Cloud Controllers: one from the value cf, or several from the value foundations as a file for --config. */}}
{{- define "cfstream.part.cf" -}}
{{- $cf := .root.Values.cf -}}
{{- $secrets := list -}}
{{- with $cf.caSecret -}}
{{- $secrets = append $secrets (dict "volume" "cf-ca" "secret" . "items" (list $cf.caKey) "env" (dict "cf_ca_file" $cf.caKey)) -}}
{{- end -}}
{{- if $cf.existingSecret -}}
{{- if $cf.username -}}
{{- $secrets = append $secrets (dict "volume" "cf" "secret" $cf.existingSecret "items" (list $cf.passwordKey) "env" (dict "cf_password_file" $cf.passwordKey)) -}}
{{- else -}}
{{- $secrets = append $secrets (dict "volume" "cf" "secret" $cf.existingSecret "items" (list $cf.clientSecretKey) "env" (dict "cf_client_secret_file" $cf.clientSecretKey)) -}}
{{- end -}}
{{- end -}}
{{- range .root.Values.foundations -}}
{{- if .existingSecret -}}
{{- $secrets = append $secrets (dict "volume" (include "cfstream.foundationVolume" .) "secret" .existingSecret "items" (list (include "cfstream.foundationKey" .)) "env" dict) -}}
{{- end -}}
{{- end -}}
{{- $files := include "cfstream.secrets" $secrets | fromYaml -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- if .root.Values.foundations -}}
{{- $file := include "cfstream.componentName" (dict "root" .root "component" "foundations") -}}
{{- $volumes = list (dict "name" "config" "configMap" (dict "name" $file)) -}}
{{- $mounts = list (dict "name" "config" "mountPath" "/etc/cfstream/config" "readOnly" true) -}}
{{- end -}}
env:
  {{- range $name, $value := dict "cf_api" $cf.api "cf_api_version" $cf.apiVersion "cf_client_id" $cf.clientId "cf_username" $cf.username }}
  {{- include "cfstream.variable" (dict "name" $name "value" $value) | nindent 2 }}
  {{- end }}
  {{- range $files.env }}
  - {{ toYaml . | nindent 4 | trim }}
  {{- end }}
volumes:
  {{- concat (default (list) $files.volumes) $volumes | toYaml | nindent 2 }}
volumeMounts:
  {{- concat (default (list) $files.volumeMounts) $mounts | toYaml | nindent 2 }}
{{- end -}}

{{/* The volume of one entry of foundations: its name, fit for Kubernetes. */}}
{{- define "cfstream.foundationVolume" -}}
cf-{{ .name | lower | replace "_" "-" | replace "." "-" | trunc 40 | trimSuffix "-" }}-{{ .name | sha256sum | trunc 6 }}
{{- end -}}

{{/* The key of its Secret that is used. */}}
{{- define "cfstream.foundationKey" -}}
{{- if .cf_username -}}password{{- else -}}client-secret{{- end -}}
{{- end -}}

{{/* The file for --config: the entries as the producer takes them, credentials as names of files. */}}
{{- define "cfstream.foundationsFile" -}}
{{- $out := list -}}
{{- range .Values.foundations -}}
{{- $entry := omit (deepCopy .) "existingSecret" -}}
{{- if .existingSecret -}}
{{- $file := printf "/etc/cfstream/secrets/%s/%s" (include "cfstream.foundationVolume" .) (include "cfstream.foundationKey" .) -}}
{{- $_ := set $entry (ternary "cf_password_file" "cf_client_secret_file" (not (empty .cf_username))) $file -}}
{{- end -}}
{{- $out = append $out $entry -}}
{{- end -}}
{{- dict "foundations" $out | toYaml -}}
{{- end -}}

{{/* Arguments and annotations of a command that reads the Cloud Controllers. */}}
{{- define "cfstream.foundationsArgs" -}}
{{- if .Values.foundations -}}
- --config=/etc/cfstream/config/foundations.yaml
{{- end -}}
{{- end -}}

{{- define "cfstream.foundationsChecksum" -}}
{{- if .Values.foundations -}}
checksum/foundations: {{ include "cfstream.foundationsFile" . | sha256sum }}
{{- end -}}
{{- end -}}
