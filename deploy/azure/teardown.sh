#!/usr/bin/env bash
# Takes away what setup.sh made, and nothing else: resources without its mark stay, with their settings.
#
#   deploy/azure/teardown.sh --settings my.env --dry-run
#   deploy/azure/teardown.sh --settings my.env --yes
#
# AI Foundry resources are deleted softly by Azure: their names are free again after they were purged.
set -euo pipefail
# shellcheck source=deploy/azure/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() { sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

SETTINGS=
YES=
while (($#)); do
  case $1 in
    --settings) SETTINGS=${2:?--settings needs a file}; shift 2 ;;
    --dry-run) DRY_RUN=yes; shift ;;
    --yes) YES=yes; shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; fail "unknown: $1" ;;
  esac
done

# remove WHAT ID API-VERSION [always]: where it bears our mark, or has a name that only setup.sh gives.
remove() {
  local found
  found=$(read_it "$2" "$3")
  [[ -n $found ]] || return 0
  if [[ ${4:-} != always ]] && ! jq --exit-status --arg mark "$MARK" '.tags["made-by"] == $mark' <<<"$found" >/dev/null; then
    say "keep     $1: it was there before"
    return 0
  fi
  changing remove "$1"
  request delete "$MANAGER$2?api-version=$3" >/dev/null
}

revoke() { # WHO PRINCIPAL ROLE SCOPE
  [[ -n $2 ]] || return 0
  local id
  id=$4/providers/Microsoft.Authorization/roleAssignments/$(assignment_name "$2" "$3" "$4")
  remove "role ${3:0:8}... for $1 on ${4##*/}" "$id" $API_ROLES always
}

# A group that holds anything of somebody else's stays: to delete it would delete that as well.
remove_group() {
  local others
  [[ -n $(read_it "$GROUP_ID" $API_GROUP) ]] || return 0
  others=$(read_it "$GROUP_ID/resources" $API_GROUP | jq --raw-output --arg mark "$MARK" '[.value[]? | select(.tags["made-by"] != $mark) | .name] | join(", ")')
  if [[ -n $others ]]; then
    say "keep     resource group $RESOURCE_GROUP: it holds $others"
    return 0
  fi
  remove "resource group $RESOURCE_GROUP" "$GROUP_ID" $API_GROUP
}

principal() { read_it "$1" "$2" | jq --raw-output "$3 // empty"; }

main() {
  need az jq sha256sum
  [[ -n $SETTINGS ]] || { usage >&2; fail "--settings is missing"; }
  load "$SETTINGS"
  [[ -n $DRY_RUN || -n $YES ]] || fail "this deletes resources of $RESOURCE_GROUP: look with --dry-run, then say --yes"
  connect
  local voice gateway models
  voice=$(principal "$VOICE_ID" $API_COGNITIVE .identity.principalId)
  gateway=$(principal "$IDENTITY_ID" $API_IDENTITY .properties.principalId)
  models=$(principal "$MODEL_ID" $API_COGNITIVE .identity.principalId)
  remove "event subscription" "$SUBSCRIPTION_OF_EVENTS_ID" $API_EVENTS always
  remove "topic of $ACS_RESOURCE" "$TOPIC_ID" $API_EVENTS
  revoke "$VOICE_RESOURCE" "$voice" $ROLE_FOUNDRY_USER "$VOICE_ID"
  if [[ $MODEL_ID != "$VOICE_ID" ]]; then
    revoke "$MODEL_RESOURCE" "$models" $ROLE_FOUNDRY_USER "$MODEL_ID"
    revoke "$VOICE_RESOURCE" "$voice" $ROLE_FOUNDRY_USER "$MODEL_ID"
  fi
  revoke "the gateway" "$gateway" $ROLE_COGNITIVE_SERVICES_USER "$VOICE_ID"
  revoke "the gateway" "$gateway" $ROLE_FOUNDRY_USER "$VOICE_ID"
  revoke "the gateway" "$gateway" "$ACS_ROLE_ID" "$ACS_ID"
  revoke "the gateway" "$gateway" $ROLE_MONITORING_READER "$MODEL_ID"
  remove "federated credential" "$IDENTITY_ID/federatedIdentityCredentials/voice-gateway" $API_IDENTITY always
  remove "identity $GATEWAY_IDENTITY" "$IDENTITY_ID" $API_IDENTITY
  remove "deployment $DEPLOYMENT" "$DEPLOYMENT_ID" $API_COGNITIVE
  remove "asynchronous content filter" "$FILTER_ID" $API_COGNITIVE always
  remove "container dead-letter" "$CONTAINER_ID" $API_STORAGE always
  remove "storage account $DEAD_LETTER_ACCOUNT" "$STORAGE_ID" $API_STORAGE
  remove "Communication Services $ACS_RESOURCE" "$ACS_ID" $API_COMMUNICATION
  [[ $MODEL_ID == "$VOICE_ID" ]] || remove "AI Foundry resource $MODEL_RESOURCE" "$MODEL_ID" $API_COGNITIVE
  remove "AI Foundry resource $VOICE_RESOURCE" "$VOICE_ID" $API_COGNITIVE
  if [[ -z ${EVENT_APPLICATION_ID:-} ]]; then
    local object
    object=$(az rest --method get --output json --url "$GRAPH/v1.0/applications?\$filter=displayName+eq+'$EVENT_APPLICATION_NAME'" | jq --raw-output '.value[0].id // empty')
    if [[ -n $object ]]; then
      changing remove "application $EVENT_APPLICATION_NAME"
      request delete "$GRAPH/v1.0/applications/$object" >/dev/null
    fi
  fi
  remove_group
  say "--- $CHANGES change(s)${DRY_RUN:+ that a run would make}; the cluster's drain settings stay"
}

main
