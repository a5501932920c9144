#!/bin/sh
# Measures the codec and a whole network, or what the arguments name (codec, network). About five minutes.
set -eu
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- codec network
benches=""
for name in "$@"; do benches="$benches --bench $name"; done
# Always all default members and the one profile: any other selection has other features and compiles RocksDB again.
cargo build --locked --bins $benches
exec cargo bench --locked --profile dev $benches
