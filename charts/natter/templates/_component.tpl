{{/* [root, component] → its values over the defaults, as YAML. mustMergeOverwrite keeps booleans that are false. */}}
{{- define "natter.component" -}}
{{- $root := index . 0 -}}
{{- $own := index $root.Values.components (index . 1) | default dict -}}
{{- mustMergeOverwrite (deepCopy $root.Values.defaults) (deepCopy $own) | toYaml -}}
{{- end -}}

{{/* [root, component]: the settings of its process, one environment variable each. */}}
{{- define "natter.settings" -}}
{{- $root := index . 0 -}}
{{- range $section := list "server" "bus" "telemetry" "runtime" (index . 1) }}
{{- range $key, $value := index $root.Values.settings $section | default dict }}
NATTER_{{ $section | upper }}__{{ $key | upper }}: {{ include "natter.text" $value | quote }}
{{- end }}
{{- end }}
NATTER_BUS__URL: {{ include "natter.nats.url" $root | quote }}
NATTER_BUS__USER: {{ index . 1 | quote }}
NATTER_SERVER__DATA: /var/lib/natter
{{- if eq (index . 1) "gateway" }}
NATTER_SERVER__TLS_CERTIFICATE: /etc/natter/tls/tls.crt
NATTER_SERVER__TLS_KEY: /etc/natter/tls/tls.key
{{- end }}
{{- end -}}

{{/* [root, component, values]: environment from Secrets and from the pod. */}}
{{- define "natter.env" -}}
{{- $root := index . 0 -}}
- name: NATTER_RUNTIME__INSTANCE
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: NATTER_BUS__PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "natter.nats.secret" $root }}
      key: {{ index . 1 }}
- name: NATTER_TELEMETRY__PSEUDONYM_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "natter.pseudonym.secret" $root }}
      key: {{ $root.Values.pseudonymKey.key }}
{{- range $setting, $from := (index . 2).secretSettings }}
- name: NATTER_{{ index $ 1 | upper }}__{{ $setting | upper }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.name }}
      key: {{ $from.key }}
{{- end }}
{{- with (index . 2).extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The ports of a component beside its operations page: name → number. The gateway's follow from its settings. */}}
{{- define "natter.ports" -}}
{{- $root := index . 0 -}}
{{- $settings := $root.Values.settings -}}
{{- if eq (index . 1) "gateway" -}}
c2s: {{ $settings.gateway.c2s | default "0.0.0.0:5222" | splitList ":" | last }}
c2s-tls: {{ $settings.gateway.c2s_tls | default "0.0.0.0:5223" | splitList ":" | last }}
{{- else if eq (index . 1) "metrics" -}}
http: {{ $settings.metrics.http | splitList ":" | last }}
{{- end -}}
{{- end -}}

{{/* A probe of the operations page. */}}
{{- define "natter.probe" -}}
httpGet:
  path: {{ . }}
  port: ops
timeoutSeconds: 3
{{- end -}}

{{/* Up at once, down one pod at a time: each has sessions to hand over. */}}
{{- define "natter.scaling" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - {type: Percent, value: 100, periodSeconds: 30}
    - {type: Pods, value: 2, periodSeconds: 30}
  selectPolicy: Max
scaleDown:
  stabilizationWindowSeconds: 600
  policies:
    - {type: Pods, value: 1, periodSeconds: {{ .downSeconds }}}
  selectPolicy: Max
{{- end -}}

{{/* [root, component]: "yes" where it talks to Kubernetes, and needs a token. */}}
{{- define "natter.needs.kubernetes" -}}
{{- $root := index . 0 -}}
{{- if and (eq (index . 1) "metrics") (dig "metrics" "pod_costs" false $root.Values.settings) -}}yes{{- end -}}
{{- end -}}
