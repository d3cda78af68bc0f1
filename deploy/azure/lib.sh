# shellcheck shell=bash disable=SC2034 # names are used by the scripts that source this file
# What setup.sh, verify.sh and teardown.sh share. Everything that is made is declared: read it, compare, write what
# differs. So a second run writes nothing, and --dry-run shows every request that a run would make.

# Roles by id: names change ("Azure AI User" became "Foundry User" in 2026), ids do not.
ROLE_FOUNDRY_USER=53ca6127-db72-4b80-b1b0-d745d6d5456d
ROLE_COGNITIVE_SERVICES_USER=a97b65f3-24c7-4388-baec-2e87135dc908
ROLE_MONITORING_READER=43d0d8ad-25c7-4714-9337-8ba259a9fe05
# Event Grid's own application, the same in every tenant of the public cloud.
EVENT_GRID_APPLICATION=4962773b-9cdb-44cf-a8bf-237846a00ab7
EVENT_GRID_ROLE=AzureEventGridSecureWebhookSubscriber

API_GROUP=2024-03-01
API_COGNITIVE=2025-06-01
API_ROLES=2022-04-01
API_IDENTITY=2023-01-31
API_COMMUNICATION=2023-04-01
API_EVENTS=2022-06-15
API_STORAGE=2023-05-01

# Waiting for Azure: a new identity is known everywhere after some seconds, a new resource after some minutes.
WAIT_SECONDS=${WAIT_SECONDS:-10}
WAIT_TIMES=${WAIT_TIMES:-30}

MARK=voice-gateway # tag of everything made here: teardown removes nothing else
DRY_RUN=${DRY_RUN:-}
CHANGES=0

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "error: $*"
  exit 1
}

need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "$program is missing. az: https://aka.ms/azure-cli; jq: your system's packages"
  done
}

# load FILE: the settings, each of which must be there.
load() {
  [[ -f $1 ]] || fail "no settings: $1 (start from deploy/azure/settings.example.env)"
  # shellcheck disable=SC1090 # the user's own file
  source "$1"
  local name
  for name in SUBSCRIPTION_ID LOCATION RESOURCE_GROUP VOICE_RESOURCE MODEL_RESOURCE MODEL_RESOURCE_GROUP \
    MODEL_SUBSCRIPTION_ID DEPLOYMENT MODEL MODEL_VERSION MODEL_FORMAT DEPLOYMENT_SKU DEPLOYMENT_CAPACITY ACS_RESOURCE \
    ACS_DATA_LOCATION ACS_ROLE_ID PUBLIC_URL DEAD_LETTER_ACCOUNT GATEWAY_IDENTITY; do
    [[ -n ${!name:-} ]] || fail "$1 does not say $name"
  done
  [[ $SUBSCRIPTION_ID != 00000000-0000-0000-0000-000000000000 ]] || fail "$1: SUBSCRIPTION_ID is still the example's"
  [[ $PUBLIC_URL == https://* ]] || fail "$1: PUBLIC_URL must begin with https://: the phone network calls nothing else"
  GROUP_ID=/subscriptions/$SUBSCRIPTION_ID/resourceGroups/$RESOURCE_GROUP
  VOICE_ID=$GROUP_ID/providers/Microsoft.CognitiveServices/accounts/$VOICE_RESOURCE
  MODEL_GROUP_ID=/subscriptions/$MODEL_SUBSCRIPTION_ID/resourceGroups/$MODEL_RESOURCE_GROUP
  MODEL_ID=$MODEL_GROUP_ID/providers/Microsoft.CognitiveServices/accounts/$MODEL_RESOURCE
  DEPLOYMENT_ID=$MODEL_ID/deployments/$DEPLOYMENT
  FILTER_ID=$MODEL_ID/raiPolicies/voice-gateway-async
  ACS_ID=$GROUP_ID/providers/Microsoft.Communication/communicationServices/$ACS_RESOURCE
  IDENTITY_ID=$GROUP_ID/providers/Microsoft.ManagedIdentity/userAssignedIdentities/$GATEWAY_IDENTITY
  TOPIC_ID=$GROUP_ID/providers/Microsoft.EventGrid/systemTopics/$ACS_RESOURCE-calls
  SUBSCRIPTION_OF_EVENTS_ID=$TOPIC_ID/eventSubscriptions/voice-gateway
  STORAGE_ID=$GROUP_ID/providers/Microsoft.Storage/storageAccounts/$DEAD_LETTER_ACCOUNT
  CONTAINER_ID=$STORAGE_ID/blobServices/default/containers/dead-letter
}

# --- requests --------------------------------------------------------------------------------------------------------

# connect: az is logged in, to the subscription; which cloud is it?
connect() {
  az account show --output none 2>/dev/null || fail "az is not logged in: az login"
  az account set --subscription "$SUBSCRIPTION_ID" 2>/dev/null ||
    fail "no access to subscription $SUBSCRIPTION_ID: az login with an account that has it"
  local cloud
  cloud=$(az cloud show --output json)
  MANAGER=$(jq --raw-output '.endpoints.resourceManager | rtrimstr("/")' <<<"$cloud")
  GRAPH=$(jq --raw-output '.endpoints.microsoftGraphResourceId | rtrimstr("/")' <<<"$cloud")
  TENANT=$(az account show --query tenantId --output tsv)
}

# read_it ID API-VERSION: the resource as JSON, or nothing where there is none.
read_it() {
  local answer
  if answer=$(az rest --method get --url "$MANAGER$1?api-version=$2" --output json 2>&1); then
    printf '%s' "$answer"
  elif [[ $answer == *NotFound* || $answer == *"Not Found"* || $answer == *"404"* ]]; then
    return 0
  else
    fail "reading $1: $answer"
  fi
}

# changing make|change|remove WHAT: say it, and count it.
changing() {
  CHANGES=$((CHANGES + 1))
  say "$(printf '%-8s %s' "$1" "$2")"
}

# request METHOD URL [BODY]: change something; printed instead, in a dry run.
request() {
  if [[ -n $DRY_RUN ]]; then
    say "  would ${1^^} $2${3:+ $3}"
    return 0
  fi
  local answer try
  for ((try = 1; ; try++)); do
    if answer=$(az rest --method "$1" --url "$2" ${3:+--body "$3" --headers Content-Type=application/json} --output json 2>&1); then
      printf '%s' "$answer"
      return 0
    fi
    # A new identity is not known everywhere at once; a resource that is being made refuses the next request.
    if [[ $answer == *PrincipalNotFound* || $answer == *AnotherOperationInProgress* || $answer == *RequestConflict* ]] && ((try < WAIT_TIMES)); then
      say "  Azure is not ready (${try}); once more in $WAIT_SECONDS s"
      sleep "$WAIT_SECONDS"
      continue
    fi
    fail "${1^^} $2: $answer"
  done
}

# subset WANTED FOUND: whether everything that is wanted is there; what is there besides does not matter.
subset() {
  jq --null-input --exit-status --argjson wanted "$1" --argjson found "$2" '
    def within($found): . as $wanted
      | if type == "object" then ($found | type) == "object" and all(to_entries[]; . as $e | $e.value | within($found[$e.key]))
        elif type == "array" then ($found | type) == "array" and length == ($found | length)
          and all(range(length); . as $i | $wanted[$i] | within($found[$i]))
        elif type == "string" and ($found | type) == "string" then ascii_downcase == ($found | ascii_downcase)
        else . == $found end;
    $wanted | within($found)' >/dev/null
}

# ensure WHAT ID API-VERSION BODY [put|patch]: it is there, and as wanted; ready when this returns.
ensure() {
  local what=$1 id=$2 api=$3 body=$4 method=${5:-put} found
  found=$(read_it "$id" "$api")
  if [[ -n $found ]] && subset "$(jq 'del(.tags)' <<<"$body")" "$found"; then
    say "ok       $what"
    return 0
  fi
  if [[ -z $found ]]; then
    changing make "$what"
    method=put
    [[ -n ${MARKED-} ]] && body=$(jq --arg mark "$MARK" '.tags["made-by"] = $mark' <<<"$body")
  else
    changing change "$what"
    [[ $method == put ]] && body=$(jq --null-input --argjson a "$found" --argjson b "$body" '$a * $b')
  fi
  local answer
  answer=$(request "$method" "$MANAGER$id?api-version=$api" "$(jq --compact-output . <<<"$body")")
  [[ $(jq --raw-output '.properties.provisioningState // "Succeeded"' <<<"${answer:-null}") == Succeeded ]] || await "$what" "$id" "$api"
}

# await WHAT ID API-VERSION: until Azure has finished making it.
await() {
  [[ -n $DRY_RUN ]] && return 0
  local state try
  for ((try = 1; try <= WAIT_TIMES; try++)); do
    state=$(read_it "$2" "$3" | jq --raw-output '.properties.provisioningState // "Succeeded"')
    case $state in
      Succeeded) return 0 ;;
      Failed | Canceled) fail "$1 could not be made: Azure says $state. Look at it in the portal, then run this again" ;;
      *) sleep "$WAIT_SECONDS" ;;
    esac
  done
  fail "$1 is still not ready: Azure says ${state:-nothing}. Run this again later; it goes on where it stopped"
}

# value ID API-VERSION JQ WHAT: something that Azure decided; a placeholder where a dry run has not made it.
value() {
  local found
  found=$(read_it "$1" "$2" | jq --raw-output "$3 // empty")
  if [[ -z $found ]]; then
    [[ -n $DRY_RUN ]] || fail "$4 is not known: $1 is missing"
    found="<$4>"
  fi
  printf '%s' "$found"
}

# uuid5-like: the name of a role assignment, equal for equal assignments.
assignment_name() {
  local hash
  hash=$(printf '%s' "${1,,}|${2,,}|${3,,}" | sha256sum)
  printf '%s-%s-5%s-8%s-%s' "${hash:0:8}" "${hash:8:4}" "${hash:13:3}" "${hash:17:3}" "${hash:20:12}"
}

# assigned PRINCIPAL ROLE SCOPE: ids of the assignments there are, whoever made them.
assigned() {
  az rest --method get --output json --url \
    "$MANAGER$3/providers/Microsoft.Authorization/roleAssignments?api-version=$API_ROLES&\$filter=principalId+eq+'$1'" |
    jq --raw-output --arg role "$2" --arg scope "$3" '.value[]
      | select((.properties.roleDefinitionId | ascii_downcase | endswith($role)) and (.properties.scope | ascii_downcase) == ($scope | ascii_downcase))
      | .id'
}

# grant WHO PRINCIPAL ROLE ROLE-NAME SCOPE
grant() {
  local what="role $4 for $1 on ${5##*/}"
  if [[ $2 != "<"* && -n $(assigned "$2" "$3" "$5") ]]; then
    say "ok       $what"
    return 0
  fi
  changing make "$what"
  # The type of the principal is given: without it Azure asks the directory, which may not know a new identity yet.
  request put "$MANAGER$5/providers/Microsoft.Authorization/roleAssignments/$(assignment_name "$2" "$3" "$5")?api-version=$API_ROLES" \
    "$(jq --null-input --compact-output --arg role "/subscriptions/$SUBSCRIPTION_ID/providers/Microsoft.Authorization/roleDefinitions/$3" --arg principal "$2" \
      '{properties: {roleDefinitionId: $role, principalId: $principal, principalType: "ServicePrincipal"}}')" >/dev/null
}
