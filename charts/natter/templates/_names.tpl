{{/* Names and labels. */}}
{{- define "natter.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* [root, component] → natter-gateway */}}
{{- define "natter.component.name" -}}
{{- $root := index . 0 -}}
{{- printf "%s-%s" (include "natter.name" $root) (index . 1) -}}
{{- end -}}

{{/* [root, component]: what selects its pods; never changes. */}}
{{- define "natter.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: natter
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* [root, component] */}}
{{- define "natter.labels" -}}
{{- $root := index . 0 -}}
{{ include "natter.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: natter
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* [root, embedded] → repository:tag or repository@digest */}}
{{- define "natter.image" -}}
{{- $root := index . 0 -}}
{{- $image := ternary $root.Values.embeddedImage $root.Values.image (index . 1) -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default $root.Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{/* A value as natter reads it from the environment. Helm knows numbers as floats only: 5222 must not become 5222.0, nor 1000000 1e+06. */}}
{{- define "natter.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{ printf "%.0f" . }}{{- else -}}{{ printf "%v" . }}{{- end -}}
{{- else if or (kindIs "slice" .) (kindIs "map" .) -}}{{ toRawJson . }}
{{- else -}}{{ toString . }}
{{- end -}}
{{- end -}}

{{/* The url that services reach NATS at. */}}
{{- define "natter.nats.url" -}}
{{- if .Values.nats.url -}}
{{ .Values.nats.url }}
{{- else if .Values.nats.enabled -}}
nats://{{ include "natter.component.name" (list . "nats") }}:4222
{{- else -}}
{{ fail "nats.url is needed where nats.enabled is false" }}
{{- end -}}
{{- end -}}

{{- define "natter.nats.secret" -}}
{{- default (include "natter.component.name" (list . "nats-users")) .Values.nats.auth.existingSecret -}}
{{- end -}}

{{- define "natter.tls.secret" -}}
{{- if .Values.tls.existingSecret -}}
{{ .Values.tls.existingSecret }}
{{- else if or .Values.tls.selfSigned .Values.tls.certManager.enabled -}}
{{ include "natter.component.name" (list . "tls") }}
{{- else -}}
{{ fail "tls.existingSecret, tls.certManager or tls.selfSigned is needed: clients are served with TLS only" }}
{{- end -}}
{{- end -}}

{{- define "natter.pseudonym.secret" -}}
{{- default (include "natter.component.name" (list . "pseudonym")) .Values.pseudonymKey.existingSecret -}}
{{- end -}}

{{/* What every container of this chart may do. */}}
{{- define "natter.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* user id */}}
{{- define "natter.pod.security" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* [root, component, unsatisfiable]: spread over hosts and zones. */}}
{{- define "natter.spread" -}}
{{- $root := index . 0 -}}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: {{ index $ 2 }}
  labelSelector:
    matchLabels:
      {{- include "natter.selector" (list $root (index $ 1)) | nindent 6 }}
{{- end }}
{{- end -}}
