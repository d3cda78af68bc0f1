{{- define "voice-gateway.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "voice-gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "voice-gateway.labels" -}}
{{ include "voice-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "voice-gateway.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "voice-gateway.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "voice-gateway.configMap" -}}
{{- .Values.existingConfigMap | default (printf "%s-config" (include "voice-gateway.name" .)) -}}
{{- end -}}

{{- define "voice-gateway.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Ports as the configuration has them, or the gateway's own. */}}
{{- define "voice-gateway.port" -}}
{{- dig "server" "port" 8080 .Values.config -}}
{{- end -}}
{{- define "voice-gateway.metricsPort" -}}
{{- dig "server" "metrics_port" 9464 .Values.config -}}
{{- end -}}

{{/* What SIGTERM leaves the gateway: the one place where it is computed. */}}
{{- define "voice-gateway.drainSeconds" -}}
{{- add .Values.drain.maxCallSeconds .Values.drain.marginSeconds -}}
{{- end -}}

{{- define "voice-gateway.graceSeconds" -}}
{{- $computed := add (include "voice-gateway.drainSeconds" .) .Values.drain.preStopSeconds -}}
{{- $wanted := .Values.drain.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $wanted -}}
{{- $computed -}}
{{- else if lt (int $wanted) (int $computed) -}}
{{- fail (printf "drain.terminationGracePeriodSeconds %d is less than preStopSeconds + maxCallSeconds + marginSeconds (%d): calls would be cut off. Lower drain.maxCallSeconds and the max_minutes of your lines, or leave it out." (int $wanted) (int $computed)) -}}
{{- else -}}
{{- int $wanted -}}
{{- end -}}
{{- end -}}

{{- define "voice-gateway.host" -}}
{{- $url := dig "server" "public_url" "" .Values.config -}}
{{- with $url -}}{{- (urlParse .).hostname -}}{{- end -}}
{{- end -}}

{{- define "voice-gateway.securityContext" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "voice-gateway.volumes" -}}
- name: config
  projected:
    # Readable for the group of the process, which Kubernetes gives to the files (fsGroup).
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ include "voice-gateway.configMap" . }}
      {{- with .Values.existingSecret }}
      - secret:
          name: {{ . }}
      {{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{- define "voice-gateway.mounts" -}}
- name: config
  mountPath: /etc/voice-gateway
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* Everything that can be known to be wrong before a cluster sees it. */}}
{{- define "voice-gateway.check" -}}
{{- if gt (int .Values.replicaCount) 1 -}}
{{- fail (printf "replicaCount %d: this version runs one replica. The callbacks of a call, and the limits of lines, callers and provisioned units, are known to the process that answered it; a second one would not find the first one's calls. One replica carries some 80 calls for each core (docs/PERFORMANCE.md); give it more by a release of its own with numbers of its own." (int .Values.replicaCount)) -}}
{{- end -}}
{{- if and (not .Values.config) (not .Values.existingConfigMap) -}}
{{- fail "config is missing: give the gateway's configuration (docs/CONFIGURATION.md; deploy/examples has whole ones), or existingConfigMap." -}}
{{- end -}}
{{- if and .Values.config .Values.existingConfigMap -}}
{{- fail "config and existingConfigMap: give one of the two, or nobody knows which is in force." -}}
{{- end -}}
{{- if and .Values.workloadIdentity.enabled (not .Values.workloadIdentity.clientId) (not (hasKey .Values.serviceAccount.annotations "azure.workload.identity/client-id")) -}}
{{- fail "workloadIdentity.clientId is missing: the client id of the gateway's managed identity (deploy/azure prints it). Without Entra, say workloadIdentity.enabled=false and mount keys by existingSecret." -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled .Values.ingress.enabled -}}
{{- fail "httpRoute.enabled and ingress.enabled: one way in is enough; switch one of them off." -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs is missing: the Gateway that publishes the service, such as [{name: edge, namespace: gateway-system}]; or httpRoute.enabled=false." -}}
{{- end -}}
{{- if and (or .Values.httpRoute.enabled .Values.ingress.enabled) (not (include "voice-gateway.host" .)) (not .Values.httpRoute.hostnames) (not .Values.ingress.host) -}}
{{- fail "no host name: config.server.public_url says which one the phone network calls; with existingConfigMap give httpRoute.hostnames or ingress.host." -}}
{{- end -}}
{{- if not (has (dig "server" "public_url" "" .Values.config | urlParse).path (list "" "/")) -}}
{{- fail "config.server.public_url has a path: the gateway answers at /events, /calls and /media, and this chart publishes these as they are. Give it a host name of its own." -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled .Values.podMonitor.enabled (not .Values.networkPolicy.monitoringNamespaces) -}}
{{- fail "networkPolicy.monitoringNamespaces is empty, but podMonitor.enabled: nobody would be let in to scrape. Name the namespace of your Prometheus." -}}
{{- end -}}
{{- range .Values.config.lines -}}
{{- $minutes := .max_minutes | default 55 -}}
{{- if gt (mulf $minutes 60) (float64 $.Values.drain.maxCallSeconds) -}}
{{- fail (printf "line %s: a call may last %v minutes, but drain.maxCallSeconds is %d: a rollout would cut it off. Raise drain.maxCallSeconds to %d, or lower the line's max_minutes." .name $minutes (int $.Values.drain.maxCallSeconds) (int (mulf $minutes 60))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
