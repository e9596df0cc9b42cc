#!/bin/sh
# Builds the programs that come as Go modules, once, into a cache keyed by version: CoreDNS as a peer;
# kube-apiserver, its controllers, etcd and KWOK for a real cluster without containers.
# `tools/peers.sh` builds all of them, `tools/peers.sh etcd kwok` the named ones: 8 minutes once, then
# nothing.  Without Go it says how to get it, and ends with status 1.  kubectl is the machine's own.
set -eu
coredns=1.15.0
kubernetes=1.36.3
etcd=3.6.7
kwok=0.8.0
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

# Kubernetes' own `replace` lines point into its repository and do not count for who depends on it:
# they are repeated here with the published version of each module.
build_kubernetes() {
    begin kubernetes $kubernetes kube-scheduler || return 0
    minor=${kubernetes#1.}
    staging=v0.$minor
    cat > "$work/tools.go" <<-END
	//go:build tools

	package tools

	import (
	    _ "k8s.io/kubernetes/cmd/kube-apiserver"
	    _ "k8s.io/kubernetes/cmd/kube-controller-manager"
	    _ "k8s.io/kubernetes/cmd/kube-scheduler"
	)
	END
    (
        cd "$work"
        quietly "$go" mod init feddns.dev/kubernetes
        module=$("$go" mod download -json "k8s.io/kubernetes@v$kubernetes" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
        sed -n 's|^\t*\(replace \)\{0,1\}\(k8s.io/[a-z-]*\) => ./staging/.*|\2|p' "$module" |
            while read -r name; do "$go" mod edit -replace "$name=$name@$staging"; done
        "$go" mod edit -require "k8s.io/kubernetes@v$kubernetes"
        quietly "$go" mod tidy
    )
    info=k8s.io/component-base/version
    version="-X $info.gitVersion=v$kubernetes -X $info.gitMajor=1 -X $info.gitMinor=${minor%%.*}"
    for program in kube-apiserver kube-controller-manager kube-scheduler; do
        build "$target/$program" "k8s.io/kubernetes/cmd/$program" -ldflags "-s -w $version"
    done
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

[ $# -gt 0 ] || set -- coredns etcd kwok kubernetes
for name in "$@"; do
    "build_$name"
done
command -v kubectl >/dev/null ||
    echo "kubectl is missing: apt-get install kubernetes-client, or any newer one on the PATH" >&2
