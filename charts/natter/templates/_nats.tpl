{{/* The NATS users as a JSON list: every service and the operator. */}}
{{- define "natter.nats.users" -}}
{{- .Files.Get "files/edges.json" | fromJson | keys | sortAlpha | toJson -}}
{{- end -}}

{{/* The users with what each may say and hear (files/edges.json follows from natter.bus.edges). */}}
{{- define "natter.nats.authorization" -}}
authorization {
  timeout: 5
  users: [
    {{- range $user, $edge := .Files.Get "files/edges.json" | fromJson }}
    { user: {{ $user }}, password: $PASSWORD_{{ $user | upper }}, permissions: {{ $edge.permissions | toRawJson }} }
    {{- end }}
  ]
}
{{- end -}}

{{- define "natter.nats.conf" -}}
{{- $name := include "natter.component.name" (list . "nats") -}}
{{- $nats := .Values.nats -}}
server_name: $POD_NAME
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
pid_file: "/tmp/nats.pid"
# Lanes carry up to 1 MiB.
max_payload: 1052672
lame_duck_duration: 30s
lame_duck_grace_period: 5s
jetstream {
  store_dir: "/data"
  # Each js_stream has its own limit; these only have to be above their sum.
  max_file_store: 1TB
  max_memory_store: {{ $nats.memoryStore | replace "i" "" }}B
  {{- with $nats.syncInterval }}
  # always: an acknowledgement means that the disk has it (docs/operations.md has the cost).
  sync_interval: {{ . }}
  {{- end }}
}
{{- if gt (int $nats.replicas) 1 }}
cluster {
  name: {{ $name }}
  listen: "0.0.0.0:6222"
  routes: [
    {{- range until (int $nats.replicas) }}
    "nats://{{ $name }}-{{ . }}.{{ $name }}-peers:6222"
    {{- end }}
  ]
}
{{- end }}
{{ include "natter.nats.authorization" . }}
{{- end -}}
