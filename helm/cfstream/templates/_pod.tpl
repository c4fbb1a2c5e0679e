{{/*
What all pods have in common. Each helper takes the component's plan, a dictionary:
root, component, values (the component's value), image, parts (see _parts.tpl) and, where it has them, settings.
*/}}

{{/* The value pod with the component's overrides. */}}
{{- define "cfstream.podValues" -}}
{{- mergeOverwrite (deepCopy .root.Values.pod) (deepCopy .values.pod) | toYaml -}}
{{- end -}}

{{- define "cfstream.podMetadata" -}}
{{- $pod := include "cfstream.podValues" . | fromYaml -}}
labels:
  {{- include "cfstream.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: cfstream
  {{- if has "http" .parts }}
  cfstream/metrics: "true"
  {{- end }}
  {{- with $pod.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := merge (dict) (default (dict) $pod.annotations) (default (dict) .annotations) }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The pod but for its containers. */}}
{{- define "cfstream.podSpec" -}}
{{- $pod := include "cfstream.podValues" . | fromYaml -}}
serviceAccountName: {{ default (include "cfstream.serviceAccountName" .root) .serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $pod.runAsUser }}
  runAsGroup: {{ $pod.runAsGroup }}
  fsGroup: {{ $pod.runAsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .values.terminationGracePeriodSeconds }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- range $key := list "priorityClassName" "runtimeClassName" }}
{{- with get $pod $key }}
{{ $key }}: {{ . }}
{{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $pod $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- if .spread }}
topologySpreadConstraints:
  {{- include "cfstream.spread" (dict "plan" . "constraints" $pod.topologySpreadConstraints) | nindent 2 }}
{{- end }}
volumes:
  {{- include "cfstream.wiring" . | fromYaml | dig "volumes" (list) | toYaml | nindent 2 }}
{{- end -}}

{{/* Spread constraints: those given, else softly over the nodes; each selects the component's own pods. */}}
{{- define "cfstream.spread" -}}
{{- $own := dict "matchLabels" (include "cfstream.selector" .plan | fromYaml) -}}
{{- $default := list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") -}}
{{- $out := list -}}
{{- range default $default .constraints -}}
{{- $out = append $out (merge (deepCopy .) (dict "labelSelector" $own)) -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* A container but for its name and arguments. */}}
{{- define "cfstream.container" -}}
{{- $wiring := include "cfstream.wiring" . | fromYaml -}}
{{- $pod := include "cfstream.podValues" . | fromYaml -}}
image: {{ include "cfstream.image" . | quote }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
env:
  {{- $wiring.env | toYaml | nindent 2 }}
{{- with $pod.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- $wiring.volumeMounts | toYaml | nindent 2 }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Port and probes of a container that serves health and metrics. */}}
{{- define "cfstream.probes" -}}
ports:
  - name: http
    containerPort: {{ include "cfstream.httpPort" . }}
    protocol: TCP
{{- with .apiPort }}
  - name: api
    containerPort: {{ . }}
    protocol: TCP
{{- end }}
{{- $own := .values.probes }}
{{- $all := .root.Values.probes }}
{{- range $kind, $path := dict "startup" "/livez" "readiness" "/readyz" "liveness" "/livez" }}
{{- $http := dict "httpGet" (dict "path" $path "port" "http") }}
{{ $kind }}Probe:
  {{- mergeOverwrite (deepCopy (get $all $kind)) (deepCopy (get $own $kind)) $http | toYaml | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "cfstream.httpPort" -}}8080{{- end -}}
