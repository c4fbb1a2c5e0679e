#!/usr/bin/env bash
# Writes one lock file an image or environment: exact versions with hashes, and nothing of where they came from.
# How is said in pyproject.toml, under pip-tools.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { # compile NAME SOURCE OPTIONS…
  local name=$1
  shift
  pip-compile --config pyproject.toml --output-file "requirements/$name.txt" "$@"
}
compile producer pyproject.toml --extra producer
compile worker pyproject.toml --extra worker --extra rocksdb
compile dev pyproject.toml --extra producer --extra worker --extra rocksdb --extra standin --extra dev
# What writes the image's bill of materials; the newest of its kind, for it is no part of the product.
compile sbom - <<<'cyclonedx-bom>=7.5,<8'
# What builds the product's own wheel, in the image.
compile build pyproject.toml --build-deps-for wheel --only-build-deps
