#!/usr/bin/env bash
# Installs this clone's commit as a user would, by go install and the module's path: git is
# told that the path's repository is this clone, everything else is the user's own.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
clone=$(git rev-parse --path-format=absolute --git-common-dir)
module=$(go list -m)
git config --file "$folder/gitconfig" "url.$clone.insteadOf" "https://$module"
git config --file "$folder/gitconfig" safe.directory '*'
commit=$(git rev-parse HEAD)
export GIT_CONFIG_GLOBAL=$folder/gitconfig GOPRIVATE=$module GOBIN=$folder/bin
cd "$folder"
go install "$module/cmd/stele@$commit"
"$folder/bin/stele" version
