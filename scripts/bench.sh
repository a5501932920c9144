#!/bin/sh
# Measures the codec, chunks of worlds, a whole network, edits and crowds of players; or what the arguments name (building, codec,
# crowd, network, world). About twenty-five minutes, twelve of which are the crowds'.
set -eu
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- codec world network building crowd
benches=""
for name in "$@"; do
    [ "$name" != world ] || scripts/setup-bench.sh
    benches="$benches --bench $name"
done
# Always all default members and the one profile: any other selection has other features and compiles RocksDB again.
cargo build --locked --bins $benches
exec cargo bench --locked --profile dev $benches
