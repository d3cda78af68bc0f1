#!/usr/bin/env bats
# Error paths of deploy/azure, with an `az` that does what a test tells it. That the real one is understood is tested by
# test_azure_scripts.py.

setup() {
  ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  SCRIPTS=$ROOT/deploy/azure
  HERE=$BATS_TEST_TMPDIR
  mkdir -p "$HERE/bin"
  # Every call is written down; `rest` answers from files: reads from get.json, changes from the lines of `changes`.
  cat >"$HERE/bin/az" <<'AZ'
#!/usr/bin/env bash
printf '%s\n' "$*" >>"$HERE/calls"
case "$1 $2" in
  "account show")
    [[ -e $HERE/logged-out ]] && exit 1
    [[ $* == *tenantId* ]] && echo tenant
    exit 0 ;;
  "account set") [[ -e $HERE/no-access ]] && exit 1; exit 0 ;;
  "cloud show") echo '{"endpoints": {"resourceManager": "https://arm.example.com/", "microsoftGraphResourceId": "https://graph.example.com/"}}' ;;
  "aks show") echo "ResourceNotFound" >&2; exit 3 ;;
  "rest --method")
    if [[ $3 == get ]]; then
      if [[ $* == *graph.example.com* ]]; then echo '{"value": []}'
      elif [[ -s $HERE/get.json ]]; then cat "$HERE/get.json"; else echo 'ERROR: Not Found({"error":{"code":"ResourceNotFound"}})' >&2; exit 1; fi
    else
      next=$(head -n 1 "$HERE/changes" 2>/dev/null)
      sed -i 1d "$HERE/changes" 2>/dev/null
      case $next in
        "" | ok) echo '{}' ;;
        *) echo "ERROR: $next" >&2; exit 1 ;;
      esac
    fi ;;
esac
AZ
  chmod +x "$HERE/bin/az"
  export HERE PATH="$HERE/bin:$PATH" WAIT_SECONDS=0 WAIT_TIMES=3
  sed 's/^SUBSCRIPTION_ID=0*-.*/SUBSCRIPTION_ID=00000000-0000-0000-0000-00000000000b/; s/^CLUSTER=.*/CLUSTER=/' \
    "$SCRIPTS/settings.example.env" >"$HERE/my.env"
}

setting() { sed -i "s|^$1=.*|$1=$2|" "$HERE/my.env"; }
changes() { grep --count --extended-regexp '^rest --method (put|patch|post|delete)' "$HERE/calls"; }

@test "help says how to begin" {
  run "$SCRIPTS/setup.sh" --help
  [[ $status -eq 0 && $output == *"--dry-run"* ]]
}

@test "an option that nobody knows is an error with the usage" {
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --force
  [[ $status -eq 1 && $output == *"unknown: --force"* && $output == *"--dry-run"* ]]
}

@test "settings are asked for" {
  run "$SCRIPTS/setup.sh"
  [[ $status -eq 1 && $output == *"--settings is missing"* ]]
}

@test "a file that is not there is named, with where to begin" {
  run "$SCRIPTS/setup.sh" --settings "$HERE/other.env"
  [[ $status -eq 1 && $output == *"other.env"* && $output == *"settings.example.env"* ]]
}

@test "the example itself is refused" {
  run "$SCRIPTS/setup.sh" --settings "$SCRIPTS/settings.example.env"
  [[ $status -eq 1 && $output == *"still the example's"* ]]
  [[ ! -e $HERE/calls ]]
}

@test "a setting that is empty is named" {
  setting MODEL ""
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env"
  [[ $status -eq 1 && $output == *"does not say MODEL"* ]]
}

@test "plain http is refused" {
  setting PUBLIC_URL http://calls.example.com
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env"
  [[ $status -eq 1 && $output == *"https://"* ]]
}

@test "jq is missing" {
  mkdir "$HERE/few"
  for program in bash dirname sed az; do ln -s "$(command -v $program)" "$HERE/few/$program"; done
  PATH=$HERE/few run "$SCRIPTS/setup.sh" --settings "$HERE/my.env"
  [[ $status -eq 1 && $output == *"jq is missing"* ]]
}

@test "nobody is logged in" {
  touch "$HERE/logged-out"
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env"
  [[ $status -eq 1 && $output == *"az login"* ]]
}

@test "no access to the subscription" {
  touch "$HERE/no-access"
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env"
  [[ $status -eq 1 && $output == *"no access to subscription"* ]]
}

@test "a step that does not exist" {
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only everything
  [[ $status -eq 1 && $output == *"no step everything; there are resources identities"* ]]
}

@test "a dry run changes nothing, and says what it would" {
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only resources --dry-run
  [[ $status -eq 0 && $output == *"would PUT https://arm.example.com/subscriptions/"* && $output == *"5 change(s) that a run would make"* ]]
  run changes
  [[ $output == 0 ]]
}

@test "Azure is not ready: once more, and it goes on" {
  printf '%s\n' 'PrincipalNotFound' 'AnotherOperationInProgress' ok >"$HERE/changes"
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only resources
  [[ $output == *"Azure is not ready (1)"* && $output == *"Azure is not ready (2)"* && $output == *"container dead-letter"* ]]
}

@test "Azure is never ready: an end, with what it said" {
  printf 'PrincipalNotFound\n%.0s' 1 2 3 4 5 >"$HERE/changes"
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only resources
  [[ $status -eq 1 && $output == *"PrincipalNotFound"* ]]
}

@test "a right is missing: what Azure says is shown, and nothing more is tried" {
  echo 'AuthorizationFailed: no permission to perform action Microsoft.Resources/subscriptions/resourcegroups/write' >"$HERE/changes"
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only resources
  [[ $status -eq 1 && $output == *"AuthorizationFailed"* && $output != *"Communication Services"* ]]
}

@test "Azure could not make it" {
  echo '{"properties": {"provisioningState": "Failed"}}' >"$HERE/get.json"
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only resources
  [[ $status -eq 0 || $output == *"error"* ]]
  source "$SCRIPTS/lib.sh"
  MANAGER=https://arm.example.com
  run await "deployment support" /x 2025-01-01
  [[ $status -eq 1 && $output == *"deployment support could not be made: Azure says Failed"* ]]
}

@test "Azure takes too long" {
  echo '{"properties": {"provisioningState": "Creating"}}' >"$HERE/get.json"
  source "$SCRIPTS/lib.sh"
  MANAGER=https://arm.example.com
  run await "deployment support" /x 2025-01-01
  [[ $status -eq 1 && $output == *"still not ready"* && $output == *"goes on where it stopped"* ]]
}

@test "a cluster that is not there is named" {
  setting CLUSTER contoso-aks
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only cluster
  [[ $status -eq 1 && $output == *"no cluster contoso-aks"* ]]
}

@test "no cluster is wanted" {
  run "$SCRIPTS/setup.sh" --settings "$HERE/my.env" --only cluster --dry-run
  [[ $output == *"nothing about Kubernetes is set up"* ]]
}

@test "teardown wants to be sure" {
  run "$SCRIPTS/teardown.sh" --settings "$HERE/my.env"
  [[ $status -eq 1 && $output == *"--dry-run, then say --yes"* ]]
}

@test "what was there before stays" {
  echo '{"id": "x", "tags": {"made-by": "somebody else"}, "value": []}' >"$HERE/get.json"
  run "$SCRIPTS/teardown.sh" --settings "$HERE/my.env" --dry-run
  [[ $status -eq 0 && $output == *"keep     AI Foundry resource contoso-voice: it was there before"* ]]
  [[ $output == *"keep     resource group voice"* ]]
  [[ $output != *"remove   Communication"* ]]
}

@test "verify names what is missing, and changes nothing" {
  run "$SCRIPTS/verify.sh" --settings "$HERE/my.env"
  [[ $status -eq 1 && $output == *"missing  AI Foundry resource contoso-voice"* ]]
  run changes
  [[ $output == 0 ]]
}

@test "what is as wanted is left alone, whatever else Azure says of it" {
  source "$SCRIPTS/lib.sh"
  subset '{"a": {"b": "Text"}, "c": [1, {"d": 2}]}' '{"a": {"b": "text", "x": 1}, "c": [1, {"d": 2, "e": 3}], "y": null}'
  ! subset '{"a": 1}' '{"a": 2}'
  ! subset '{"a": [1]}' '{"a": [1, 2]}'
  ! subset '{"a": {"b": 1}}' '{}'
}
