#!/usr/bin/env bash
# Writes one lock file an image or environment: exact versions with hashes, and no index URL.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  local name=$1
  shift
  pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
    --no-emit-trusted-host --no-header --no-annotate --resolver=backtracking \
    --output-file "requirements/$name.txt" "$@" pyproject.toml
}
compile producer --extra producer
compile worker --extra worker --extra rocksdb
compile dev --extra producer --extra worker --extra rocksdb --extra standin --extra dev
# What writes the image's bill of materials; the newest of its kind, for it is no part of the product.
pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
  --no-emit-trusted-host --no-header --no-annotate --resolver=backtracking \
  --output-file requirements/sbom.txt - <<<'cyclonedx-bom>=7.5,<8'
# What builds the product's own wheel, in the image.
compile build --build-deps-for wheel --only-build-deps
