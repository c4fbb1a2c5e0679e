{{/*
A component's NetworkPolicy. Takes the plan; "parts" says what it talks to.
Destinations are ports, for the chart knows names, not addresses.
*/}}
{{- define "cfstream.networkPolicy" -}}
{{- $root := .root -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "cfstream.metadata" . | nindent 2 }}
  {{- with .hook }}
  annotations:
    {{- include "cfstream.hook" . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "cfstream.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- if has "http" .parts }}
  ingress:
    - ports:
        - port: http
          protocol: TCP
      {{- with $root.Values.networkPolicy.metricsFrom }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- if .api }}
    - ports:
        - port: api
          protocol: TCP
      {{- with .values.networkPolicy.apiFrom }}
      from:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
  {{- else }}
  ingress: []
  {{- end }}
  egress:
    - ports:
        - port: 53
          protocol: UDP
        - port: 53
          protocol: TCP
    - ports:
        {{- range include "cfstream.egressPorts" . | fromYamlArray }}
        - port: {{ . }}
          protocol: TCP
        {{- end }}
    {{- if has "receivers" .parts }}
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
            except: [169.254.0.0/16]
        - ipBlock:
            cidr: "::/0"
            except: ["fe80::/10"]
      ports:
        {{- range .values.networkPolicy.receiverPorts }}
        - port: {{ int64 . }}
          protocol: TCP
        {{- end }}
    {{- end }}
    {{- with (default dict .values.networkPolicy).extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* The TCP ports that a component's parts call for. */}}
{{- define "cfstream.egressPorts" -}}
{{- $values := .root.Values -}}
{{- $ports := list -}}
{{- if has "kafka" .parts -}}
{{- range splitList "," $values.kafka.bootstrapServers -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (trim .) | int) -}}
{{- end -}}
{{- range $values.kafka.brokerPorts -}}{{- $ports = append $ports (int .) -}}{{- end -}}
{{- with $values.kafka.sasl.oauthTokenUrl -}}{{- $ports = append $ports (include "cfstream.urlPort" . | int) -}}{{- end -}}
{{- end -}}
{{- if has "registry" .parts -}}
{{- $ports = append $ports (include "cfstream.urlPort" $values.schemaRegistry.url | int) -}}
{{- end -}}
{{- if has "cf" .parts -}}
{{- with $values.cf.api -}}{{- $ports = append $ports (include "cfstream.urlPort" . | int) -}}{{- end -}}
{{- range $values.foundations -}}{{- $ports = append $ports (include "cfstream.urlPort" .cf_api | int) -}}{{- end -}}
{{- range $values.producer.networkPolicy.apiPorts -}}{{- $ports = append $ports (int .) -}}{{- end -}}
{{- end -}}
{{- uniq $ports | toYaml -}}
{{- end -}}

{{/* The port of a URL. */}}
{{- define "cfstream.urlPort" -}}
{{- $url := urlParse . -}}
{{- default (ternary "443" "80" (eq $url.scheme "https")) (regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host)) -}}
{{- end -}}
