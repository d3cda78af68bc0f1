#!/usr/bin/env bash
# Says whether Azure is as setup.sh leaves it; changes nothing.
#
#   deploy/azure/verify.sh --settings my.env
#
# Exit code 0: everything is there. 1: something differs, and is named.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
status=0
for only in "" events; do
  report=$("$here/setup.sh" "$@" --dry-run ${only:+--only "$only"} 2>&1 >/dev/null) || { printf '%s\n' "$report" >&2; exit 1; }
  grep --extended-regexp '^(ok|make|change|skip) ' <<<"$report" | sed 's/^make    /missing /; s/^change  /differs /'
  grep --quiet --extended-regexp '^(make|change) ' <<<"$report" && status=1
done
exit $status
