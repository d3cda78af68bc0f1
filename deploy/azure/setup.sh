#!/usr/bin/env bash
# Sets up what the gateway needs of Azure. Run it again whenever you like: it changes what differs, and nothing else.
#
#   deploy/azure/setup.sh --settings my.env --dry-run     every request it would make; changes nothing
#   deploy/azure/setup.sh --settings my.env               everything but the event subscription
#   deploy/azure/setup.sh --settings my.env --only events after the gateway runs: Event Grid asks it for permission
#
# Needs az (logged in: az login) and jq, and the right to assign roles (Owner, or User Access Administrator beside
# Contributor). What it prints at the end belongs into the gateway's configuration and the chart's values.
set -euo pipefail
# shellcheck source=deploy/azure/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() { sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

STEPS=(resources identities models roles application cluster)
SETTINGS=
ONLY=
while (($#)); do
  case $1 in
    --settings) SETTINGS=${2:?--settings needs a file}; shift 2 ;;
    --only) ONLY=${2:?--only needs a step}; shift 2 ;;
    --dry-run) DRY_RUN=yes; shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; fail "unknown: $1" ;;
  esac
done

account() { # ID NAME
  MARKED=yes ensure "AI Foundry resource $2" "$1" $API_COGNITIVE "$(jq --null-input --arg name "$2" --arg location "$LOCATION" '{
    kind: "AIServices", location: $location, sku: {name: "S0"}, identity: {type: "SystemAssigned"},
    properties: {customSubDomainName: $name}}')"
}

step_resources() {
  MARKED=yes ensure "resource group $RESOURCE_GROUP" "$GROUP_ID" $API_GROUP "$(jq --null-input --arg l "$LOCATION" '{location: $l}')"
  account "$VOICE_ID" "$VOICE_RESOURCE"
  if [[ $MODEL_ID != "$VOICE_ID" ]]; then
    account "$MODEL_ID" "$MODEL_RESOURCE"
  fi
  MARKED=yes ensure "Communication Services $ACS_RESOURCE" "$ACS_ID" $API_COMMUNICATION \
    "$(jq --null-input --arg data "$ACS_DATA_LOCATION" '{location: "global", properties: {dataLocation: $data}}')"
  MARKED=yes ensure "storage account $DEAD_LETTER_ACCOUNT for dead letters" "$STORAGE_ID" $API_STORAGE "$(jq --null-input --arg l "$LOCATION" '{
    kind: "StorageV2", location: $l, sku: {name: "Standard_LRS"},
    properties: {allowBlobPublicAccess: false, minimumTlsVersion: "TLS1_2", supportsHttpsTrafficOnly: true}}')"
  ensure "container dead-letter" "$CONTAINER_ID" $API_STORAGE '{"properties": {"publicAccess": "None"}}'
}

step_identities() {
  MARKED=yes ensure "identity $GATEWAY_IDENTITY" "$IDENTITY_ID" $API_IDENTITY "$(jq --null-input --arg l "$LOCATION" '{location: $l}')"
  if [[ ${DISABLE_KEYS:-yes} == yes ]]; then
    local id
    for id in "$VOICE_ID" "$MODEL_ID"; do
      ensure "no access by keys to ${id##*/}" "$id" $API_COGNITIVE '{"properties": {"disableLocalAuth": true}}' patch
      [[ $MODEL_ID != "$VOICE_ID" ]] || break
    done
  fi
}

step_models() {
  local filter=null spill=null
  if [[ ${ASYNC_FILTER:-yes} == yes ]]; then
    # Beside the stream instead of before it: text is spoken while it is still being judged. The gateway stops the
    # voice when the judgement comes (docs/AGENTS.md, moderation).
    ensure "asynchronous content filter" "$FILTER_ID" $API_COGNITIVE \
      '{"properties": {"basePolicyName": "Microsoft.DefaultV2", "mode": "Asynchronous_filter"}}'
    filter='"voice-gateway-async"'
  fi
  [[ -z ${SPILLOVER_DEPLOYMENT:-} ]] || spill=$(jq --null-input --arg name "$SPILLOVER_DEPLOYMENT" '$name')
  MARKED=yes ensure "deployment $DEPLOYMENT of $MODEL ($DEPLOYMENT_SKU, $DEPLOYMENT_CAPACITY)" "$DEPLOYMENT_ID" $API_COGNITIVE "$(
    jq --null-input --arg sku "$DEPLOYMENT_SKU" --argjson capacity "$DEPLOYMENT_CAPACITY" --arg format "$MODEL_FORMAT" \
      --arg model "$MODEL" --arg version "$MODEL_VERSION" --argjson filter "$filter" --argjson spill "$spill" '{
      sku: {name: $sku, capacity: $capacity},
      properties: ({model: {format: $format, name: $model, version: $version}, versionUpgradeOption: "NoAutoUpgrade"}
        + (if $filter then {raiPolicyName: $filter} else {} end)
        + (if $spill then {spilloverDeploymentName: $spill} else {} end))}')"
}

step_roles() {
  local voice gateway models
  voice=$(value "$VOICE_ID" $API_COGNITIVE .identity.principalId "identity of $VOICE_RESOURCE")
  gateway=$(value "$IDENTITY_ID" $API_IDENTITY .properties.principalId "identity of the gateway")
  # Chat-completion models are read by the resource's own identity, because callers' tokens expire in long sessions.
  grant "$VOICE_RESOURCE" "$voice" $ROLE_FOUNDRY_USER "Foundry User" "$VOICE_ID"
  if [[ $MODEL_ID != "$VOICE_ID" ]]; then
    models=$(value "$MODEL_ID" $API_COGNITIVE .identity.principalId "identity of $MODEL_RESOURCE")
    grant "$MODEL_RESOURCE" "$models" $ROLE_FOUNDRY_USER "Foundry User" "$MODEL_ID"
    grant "$VOICE_RESOURCE" "$voice" $ROLE_FOUNDRY_USER "Foundry User" "$MODEL_ID"
  fi
  grant "the gateway" "$gateway" $ROLE_COGNITIVE_SERVICES_USER "Cognitive Services User" "$VOICE_ID"
  grant "the gateway" "$gateway" $ROLE_FOUNDRY_USER "Foundry User" "$VOICE_ID"
  grant "the gateway" "$gateway" "$ACS_ROLE_ID" "${ACS_ROLE_ID:0:8}..." "$ACS_ID"
  if [[ ${READ_MONITOR:-yes} == yes ]]; then
    grant "the gateway" "$gateway" $ROLE_MONITORING_READER "Monitoring Reader" "$MODEL_ID"
  fi
}

# An object of the directory by a filter: its id, or nothing.
directory() { az rest --method get --url "$GRAPH/v1.0/$1" --output json | jq --raw-output '.value[0].id // empty'; }

step_application() {
  EVENT_APPLICATION_ID=${EVENT_APPLICATION_ID:-$(application_id)}
  if [[ -n $EVENT_APPLICATION_ID ]]; then
    say "ok       application $EVENT_APPLICATION_ID for Event Grid's tokens"
  else
    changing make "application $EVENT_APPLICATION_NAME for Event Grid's tokens"
    local role made
    role=$(assignment_name "$EVENT_APPLICATION_NAME" "$EVENT_GRID_ROLE" "$SUBSCRIPTION_ID")
    made=$(request post "$GRAPH/v1.0/applications" "$(jq --null-input --compact-output --arg name "$EVENT_APPLICATION_NAME" --arg role "$EVENT_GRID_ROLE" --arg id "$role" '{
      displayName: $name, signInAudience: "AzureADMyOrg", api: {requestedAccessTokenVersion: 2},
      appRoles: [{id: $id, value: $role, displayName: $role, description: "May deliver events", isEnabled: true, allowedMemberTypes: ["Application", "User"]}]}')")
    EVENT_APPLICATION_ID=$(jq --raw-output '.appId // empty' <<<"${made:-null}")
    [[ -n $EVENT_APPLICATION_ID || -n $DRY_RUN ]] || fail "the directory did not say the id of the new application"
    EVENT_APPLICATION_ID=${EVENT_APPLICATION_ID:-<application id>}
  fi
  [[ $EVENT_APPLICATION_ID != "<"* ]] || { say "  would let Event Grid, and you, have its role $EVENT_GRID_ROLE"; return 0; }
  application_uri
  event_grid_role
}

application_id() {
  az rest --method get --output json --url "$GRAPH/v1.0/applications?\$filter=displayName+eq+'$EVENT_APPLICATION_NAME'" |
    jq --raw-output '.value[0].appId // empty'
}

application_uri() {
  local object uris
  object=$(directory "applications?\$filter=appId+eq+'$EVENT_APPLICATION_ID'")
  [[ -n $object ]] || fail "no application $EVENT_APPLICATION_ID in the directory: EVENT_APPLICATION_ID is of another tenant?"
  uris=$(az rest --method get --url "$GRAPH/v1.0/applications/$object" --output json | jq --compact-output '.identifierUris // []')
  if [[ $uris == *"api://$EVENT_APPLICATION_ID"* ]]; then
    say "ok       its address api://$EVENT_APPLICATION_ID"
  else
    changing make "its address api://$EVENT_APPLICATION_ID"
    request patch "$GRAPH/v1.0/applications/$object" "$(jq --compact-output --arg uri "api://$EVENT_APPLICATION_ID" '{identifierUris: (. + [$uri])}' <<<"$uris")" >/dev/null
  fi
}

# Event Grid may deliver, and whoever writes the subscription (you) may tell it to: both need the application's role.
event_grid_role() {
  local application principal role me who
  service_principal "$EVENT_GRID_APPLICATION" "Event Grid"
  principal=$PRINCIPAL
  service_principal "$EVENT_APPLICATION_ID" "the application"
  application=$PRINCIPAL
  [[ $application != "<"* ]] || { say "  would let Event Grid, and you, have its role $EVENT_GRID_ROLE"; return 0; }
  role=$(az rest --method get --url "$GRAPH/v1.0/servicePrincipals/$application" --output json |
    jq --raw-output --arg role "$EVENT_GRID_ROLE" '.appRoles[]? | select(.value == $role) | .id')
  [[ -n $role ]] || fail "application $EVENT_APPLICATION_ID has no app role $EVENT_GRID_ROLE: add it (docs/IDENTITY.md), or leave EVENT_APPLICATION_ID empty"
  me=$(az rest --method get --url "$GRAPH/v1.0/me" --output json 2>/dev/null | jq --raw-output '.id // empty') || me=
  [[ -n $me ]] || say "  note: you are no user; whoever runs '--only events' needs the role $EVENT_GRID_ROLE of this application"
  for who in "$principal" $me; do
    if az rest --method get --url "$GRAPH/v1.0/servicePrincipals/$application/appRoleAssignedTo" --output json |
      jq --exit-status --arg who "$who" --arg role "$role" 'any(.value[]; .principalId == $who and .appRoleId == $role)' >/dev/null; then
      say "ok       $EVENT_GRID_ROLE for $who"
    else
      changing make "$EVENT_GRID_ROLE for $who"
      request post "$GRAPH/v1.0/servicePrincipals/$application/appRoleAssignedTo" "$(jq --null-input --compact-output \
        --arg who "$who" --arg what "$application" --arg role "$role" '{principalId: $who, resourceId: $what, appRoleId: $role}')" >/dev/null
    fi
  done
}

# service_principal APPLICATION-ID WHO: its id, in PRINCIPAL; made where it is missing.
service_principal() {
  PRINCIPAL=$(directory "servicePrincipals?\$filter=appId+eq+'$1'")
  [[ -z $PRINCIPAL ]] || return 0
  changing make "service principal of $2"
  PRINCIPAL=$(request post "$GRAPH/v1.0/servicePrincipals" "{\"appId\":\"$1\"}" | jq --raw-output '.id // empty')
  PRINCIPAL=${PRINCIPAL:-<service principal of $2>}
}

step_cluster() {
  if [[ -z ${CLUSTER:-} ]]; then
    say "skip     no CLUSTER: nothing about Kubernetes is set up"
    return 0
  fi
  local cluster pool issuer minutes=$(((GRACE_SECONDS + 59) / 60))
  cluster=$(az aks show --subscription "$SUBSCRIPTION_ID" --resource-group "$CLUSTER_RESOURCE_GROUP" --name "$CLUSTER" --output json) ||
    fail "no cluster $CLUSTER in $CLUSTER_RESOURCE_GROUP: make one (az aks create), or leave CLUSTER empty"
  if jq --exit-status --arg grace "$GRACE_SECONDS" '.oidcIssuerProfile.enabled and .securityProfile.workloadIdentity.enabled
    and (.autoScalerProfile == null or .autoScalerProfile.maxGracefulTerminationSec == $grace)' <<<"$cluster" >/dev/null; then
    say "ok       cluster $CLUSTER: workload identity, the autoscaler's patience"
  else
    changing change "cluster $CLUSTER: workload identity, the autoscaler's patience"
    local options=(--enable-oidc-issuer --enable-workload-identity)
    # A cluster without autoscaler knows no such profile.
    jq --exit-status '.autoScalerProfile != null' <<<"$cluster" >/dev/null && options+=(--ca-profile "max-graceful-termination-sec=$GRACE_SECONDS")
    change_by az aks update --subscription "$SUBSCRIPTION_ID" --resource-group "$CLUSTER_RESOURCE_GROUP" --name "$CLUSTER" "${options[@]}"
  fi
  pool=$(az aks nodepool show --subscription "$SUBSCRIPTION_ID" --resource-group "$CLUSTER_RESOURCE_GROUP" --cluster-name "$CLUSTER" --name "$NODE_POOL" --output json)
  if (($(jq '.upgradeSettings.drainTimeoutInMinutes // 30' <<<"$pool") >= minutes)); then
    say "ok       node pool $NODE_POOL: waits $minutes min for calls before an upgrade"
  else
    changing change "node pool $NODE_POOL: waits $minutes min for calls before an upgrade"
    change_by az aks nodepool update --subscription "$SUBSCRIPTION_ID" --resource-group "$CLUSTER_RESOURCE_GROUP" \
      --cluster-name "$CLUSTER" --name "$NODE_POOL" --drain-timeout "$minutes"
  fi
  issuer=$(az aks show --subscription "$SUBSCRIPTION_ID" --resource-group "$CLUSTER_RESOURCE_GROUP" --name "$CLUSTER" --query oidcIssuerProfile.issuerUrl --output tsv)
  [[ -n $issuer || -n $DRY_RUN ]] || fail "cluster $CLUSTER says no issuer of its tokens: az aks update --enable-oidc-issuer"
  issuer=${issuer:-<issuer of $CLUSTER>}
  ensure "federated credential for $NAMESPACE/$SERVICE_ACCOUNT" "$IDENTITY_ID/federatedIdentityCredentials/voice-gateway" $API_IDENTITY "$(
    jq --null-input --arg issuer "$issuer" --arg subject "system:serviceaccount:$NAMESPACE:$SERVICE_ACCOUNT" \
      '{properties: {issuer: $issuer, subject: $subject, audiences: ["api://AzureADTokenExchange"]}}')"
}

change_by() {
  if [[ -n $DRY_RUN ]]; then say "  would run $*"; else "$@" --output none; fi
}

step_events() {
  local numbers
  EVENT_APPLICATION_ID=${EVENT_APPLICATION_ID:-$(application_id)}
  [[ -z $DRY_RUN ]] || EVENT_APPLICATION_ID=${EVENT_APPLICATION_ID:-<application id>}
  [[ -n $EVENT_APPLICATION_ID ]] || fail "no application for Event Grid's tokens: run the step 'application' first"
  numbers=$(jq --null-input --compact-output --arg numbers "${NUMBERS:-}" '$numbers | split(" ") | map(select(. != ""))')
  MARKED=yes ensure "topic of $ACS_RESOURCE" "$TOPIC_ID" $API_EVENTS "$(jq --null-input --arg source "$ACS_ID" \
    '{location: "global", properties: {source: $source, topicType: "Microsoft.Communication.CommunicationServices"}}')"
  # Three tries in one minute: a phone does not ring longer. An event that was dropped is kept as a dead letter.
  ensure "event subscription to $PUBLIC_URL" "$SUBSCRIPTION_OF_EVENTS_ID" $API_EVENTS "$(jq --null-input --arg url "$PUBLIC_URL/events/incoming-call" \
    --arg tenant "$TENANT" --arg application "api://$EVENT_APPLICATION_ID" --arg storage "$STORAGE_ID" --argjson numbers "$numbers" '{properties: {
      destination: {endpointType: "WebHook", properties: {endpointUrl: $url, maxEventsPerBatch: 1,
        azureActiveDirectoryTenantId: $tenant, azureActiveDirectoryApplicationIdOrUri: $application}},
      filter: ({includedEventTypes: ["Microsoft.Communication.IncomingCall"]}
        + (if $numbers == [] then {} else {advancedFilters: [{operatorType: "StringIn", key: "data.to.PhoneNumber.Value", values: $numbers}]} end)),
      eventDeliverySchema: "EventGridSchema",
      retryPolicy: {maxDeliveryAttempts: 3, eventTimeToLiveInMinutes: 1},
      deadLetterDestination: {endpointType: "StorageBlob", properties: {resourceId: $storage, blobContainerName: "dead-letter"}}}}')"
}

summary() {
  [[ -n ${EVENT_APPLICATION_ID:-} ]] || EVENT_APPLICATION_ID=$(application_id)
  cat <<TEXT
# for the gateway's configuration
acs.resources[].topic:     $ACS_ID
acs.resources[].audience:  $(value "$ACS_ID" $API_COMMUNICATION .properties.immutableResourceId "immutable id of $ACS_RESOURCE")
acs.resources[].endpoint:  https://$(value "$ACS_ID" $API_COMMUNICATION .properties.hostName "host of $ACS_RESOURCE")
event_grid.entra:          {tenant_id: $TENANT, audience: "api://${EVENT_APPLICATION_ID:-<application id>}"}
resources[].endpoint:      https://$VOICE_RESOURCE.services.ai.azure.com
deployments[].model:       $DEPLOYMENT$([[ $MODEL_ID == "$VOICE_ID" ]] || printf '   with foundry_resource_override: %s' "$MODEL_RESOURCE")
# for the chart's values
workloadIdentity.clientId: $(value "$IDENTITY_ID" $API_IDENTITY .properties.clientId "client id of the gateway")
TEXT
}

main() {
  need az jq sha256sum
  [[ -n $SETTINGS ]] || { usage >&2; fail "--settings is missing"; }
  load "$SETTINGS"
  connect
  if [[ -n $ONLY ]]; then
    declare -F "step_$ONLY" >/dev/null || fail "no step $ONLY; there are ${STEPS[*]} events"
    STEPS=("$ONLY")
  fi
  local step
  for step in "${STEPS[@]}"; do
    say "--- $step"
    "step_$step"
  done
  say "--- $CHANGES change(s)${DRY_RUN:+ that a run would make}"
  summary
}

main
