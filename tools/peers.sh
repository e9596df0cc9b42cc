#!/bin/sh
# Builds the peers that come as Go modules, once, into a cache keyed by version.
# Prints what it does; without Go it says so and how to get it, and ends with status 1.
set -eu
coredns=1.15.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/feddns/peers
target=$cache/coredns-$coredns
[ -x "$target/coredns" ] && exit 0
go=$(command -v go || true)
[ -n "$go" ] || go=/usr/local/go/bin/go
if ! [ -x "$go" ]; then
    echo "CoreDNS cannot be built: no Go toolchain; apt-get install golang, or put go on the PATH" >&2
    exit 1
fi
echo "building CoreDNS $coredns into $target ..." >&2
mkdir -p "$target"
GOBIN=$target GOFLAGS=-mod=mod "$go" install "github.com/coredns/coredns@v$coredns"
