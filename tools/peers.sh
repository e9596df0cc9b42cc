#!/bin/sh
# Builds the programs that come as Go modules, once, into a cache keyed by version: CoreDNS as a peer;
# kube-apiserver, its controllers, etcd and KWOK for a real cluster without containers; the newest
# kubectl, beside which tests use the machine's own; Helm; external-dns' registry and planner around
# its provider in memory (tools/txtregistry.go).
# `tools/peers.sh` builds all of them, `tools/peers.sh etcd kwok` the named ones: 12 minutes once, then
# nothing.  Without Go it says how to get it, and ends with status 1.
set -eu
coredns=1.15.0
kubernetes=1.36.3
kubectl=1.36.3
etcd=3.6.7
kwok=0.8.0
helm=4.3.1
externaldns=0.22.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/feddns/peers
go=$(command -v go || true)
[ -n "$go" ] || go=/usr/local/go/bin/go
trap 'rm -rf "${work:-}"' EXIT

# begin NAME VERSION PROGRAM: false when the program is there; else makes its folder, as $target.
begin() {
    target=$cache/$1-$2
    [ -x "$target/$3" ] && return 1
    if ! [ -x "$go" ]; then
        echo "$1 cannot be built: put Go 1.21 or newer on the PATH (it fetches the toolchain it needs)" >&2
        exit 1
    fi
    echo "building $1 $2 into $target ..." >&2
    mkdir -p "$target"
    rm -rf "${work:-}"
    work=$(mktemp -d)
}

# quietly COMMAND...: its words only when it fails.
quietly() {
    "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}

# build OUTPUT PACKAGE [FLAG...]: a package of the module in $work; whole or not at all.
build() {
    output=$1 package=$2
    shift 2
    (cd "$work" && "$go" build "$@" -o "$output.part" "$package")
    mv "$output.part" "$output"
}

build_coredns() {
    begin coredns $coredns coredns || return 0
    GOBIN=$target GOFLAGS=-mod=mod "$go" install "github.com/coredns/coredns@v$coredns"
}

build_etcd() {
    begin etcd $etcd etcd || return 0
    cat > "$work/main.go" <<-END
	package main

	import (
	    "os"

	    "go.etcd.io/etcd/server/v3/etcdmain"
	)

	func main() { etcdmain.Main(os.Args) }
	END
    (
        cd "$work"
        quietly "$go" mod init feddns.dev/etcd
        quietly "$go" get "go.etcd.io/etcd/server/v3@v$etcd"
        quietly "$go" mod tidy
    )
    build "$target/etcd" .
}

# kubernetes_module VERSION COMMAND...: a module in $work that needs these commands of Kubernetes.
# Kubernetes' own `replace` lines point into its repository and do not count for who depends on it:
# they are repeated here with the published version of each module.  Sets $stamp, flags for `build`.
kubernetes_module() {
    version=$1 minor=${1#1.}
    shift
    {
        printf '//go:build tools\n\npackage tools\n\nimport (\n'
        printf '    _ "k8s.io/kubernetes/cmd/%s"\n' "$@"
        printf ')\n'
    } > "$work/tools.go"
    (
        cd "$work"
        quietly "$go" mod init feddns.dev/kubernetes
        module=$("$go" mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
        sed -n 's|^\t*\(replace \)\{0,1\}\(k8s.io/[a-z-]*\) => ./staging/.*|\2|p' "$module" |
            while read -r name; do "$go" mod edit -replace "$name=$name@v0.$minor"; done
        "$go" mod edit -require "k8s.io/kubernetes@v$version"
        quietly "$go" mod tidy
    )
    info=k8s.io/component-base/version
    stamp="-s -w -X $info.gitVersion=v$version -X $info.gitMajor=1 -X $info.gitMinor=${minor%%.*}"
}

build_kubernetes() {
    begin kubernetes $kubernetes kube-scheduler || return 0
    kubernetes_module $kubernetes kube-apiserver kube-controller-manager kube-scheduler
    for program in kube-apiserver kube-controller-manager kube-scheduler; do
        build "$target/$program" "k8s.io/kubernetes/cmd/$program" -ldflags "$stamp"
    done
}

build_kubectl() {
    begin kubectl $kubectl kubectl || return 0
    kubernetes_module $kubectl kubectl
    build "$target/kubectl" k8s.io/kubernetes/cmd/kubectl -ldflags "$stamp"
}

build_kwok() {
    begin kwok $kwok kwok || return 0
    stages=$("$go" mod download -json "sigs.k8s.io/kwok@v$kwok" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/kustomize/stage
    for stage in node/fast/node-initialize node/heartbeat/node-heartbeat \
        pod/fast/pod-ready pod/fast/pod-complete pod/fast/pod-delete; do
        echo ---
        cat "$stages/$stage.yaml"
    done > "$target/stages.yaml"
    GOBIN=$target GOFLAGS=-mod=mod "$go" install "sigs.k8s.io/kwok/cmd/kwok@v$kwok"
}

build_helm() {
    begin helm $helm helm || return 0
    GOBIN=$target GOFLAGS=-mod=mod "$go" install "helm.sh/helm/v4/cmd/helm@v$helm"
}

build_externaldns() {
    begin externaldns $externaldns txt-registry || return 0
    cp "$(dirname "$0")/txtregistry.go" "$work/main.go"
    module=sigs.k8s.io/external-dns
    (
        cd "$work"
        quietly "$go" mod init feddns.dev/txtregistry
        for package in registry/txt provider/inmemory; do
            quietly "$go" get "$module/$package@v$externaldns"
        done
    )
    build "$target/txt-registry" . -mod=mod -ldflags "-s -w"
}

[ $# -gt 0 ] || set -- coredns etcd kwok kubernetes kubectl helm externaldns
for name in "$@"; do
    "build_$name"
done
command -v kubectl >/dev/null ||
    echo "kubectl is missing: apt-get install kubernetes-client, or any newer one on the PATH" >&2
