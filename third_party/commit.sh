#!/usr/bin/env bash
# Prints the linker flag that writes this clone's commit into the binary: Go leaves it out
# where -buildvcs=false is set. Prints nothing where there is no clone or no git.
cd "$(dirname "$0")/.." || exit 0
[ "$(git rev-parse --show-prefix 2>/dev/null; echo .)" = "$(printf '\n.')" ] || exit 0 # a clone of something else around it
commit=$(git rev-parse HEAD 2>/dev/null) || exit 0
[ -z "$(git status --porcelain --untracked-files=no 2>/dev/null)" ] || commit+="+changes"
echo "-X main.commit=$commit"
