#!/bin/sh
# Installs one part of cfstream into a folder of its own, as the images do: locked wheels with hashes, then the product.
#
#   helm/image/install.sh producer|worker SOURCE TARGET
#
# SOURCE is this project's tree and is only read. Needs Python and a package index; no root, no HOME, no compiler.
# PYTHON names the interpreter. TARGET must not exist; it cannot be moved afterwards.
set -eu

part=$1 source=$2 target=$3
lock=$source/requirements/$part.txt
if [ ! -f "$lock" ]; then
    printf '%s\n' "no such part: $part; there are producer and worker" >&2
    exit 2
fi
if [ -e "$target" ]; then
    printf '%s\n' "$target exists; name a folder that does not" >&2
    exit 2
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pip='-m pip --disable-pip-version-check --no-cache-dir --quiet'

# The product's own wheel, by the locked build tools, from a copy: a build writes beside its source.
"${PYTHON:-python3}" -m venv "$scratch/build"
# shellcheck disable=SC2086 # several words
"$scratch/build/bin/python" $pip install --require-hashes --only-binary :all: -r "$source/requirements/build.txt"
mkdir "$scratch/tree"
(cd "$source" && cp -R pyproject.toml README.md LICENSE cfstream plumbing processors producer schemas standin "$scratch/tree")
chmod -R u+w "$scratch/tree" # the source may be read-only
# shellcheck disable=SC2086
"$scratch/build/bin/python" $pip wheel --no-deps --no-build-isolation --no-index -w "$scratch/wheel" "$scratch/tree"

"${PYTHON:-python3}" -m venv "$target"
# shellcheck disable=SC2086
"$target/bin/python" $pip install --require-hashes --only-binary :all: -r "$lock"
# shellcheck disable=SC2086
"$target/bin/python" $pip install --no-deps --no-index "$scratch"/wheel/cfstream-*.whl
# shellcheck disable=SC2086
"$target/bin/python" $pip check

# What runs needs no installer. Compiled now, for the tree will be read-only; by content, so that times do not matter.
# shellcheck disable=SC2086
"$target/bin/python" $pip uninstall --yes pip setuptools 2>/dev/null
# The path that the product's wheel had while it was built says nothing to anybody.
find "$target" -name direct_url.json -delete

# The bill of materials: what is in here, as CycloneDX.
# shellcheck disable=SC2086
"$scratch/build/bin/python" $pip install --require-hashes --only-binary :all: -r "$source/requirements/sbom.txt"
"$scratch/build/bin/cyclonedx-py" environment --output-reproducible --spec-version 1.6 --output-format JSON \
    --pyproject "$source/pyproject.toml" --mc-type application --output-file "$target/sbom.cdx.json" \
    "$target/bin/python"

find "$target" -name __pycache__ -type d -prune -exec rm -rf {} +
"$target/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$target/lib" >/dev/null
chmod -R a+rX,go-w "$target"
