#!/bin/sh
# Measures the codec, chunks of worlds, a whole network, edits, crowds of players and, where it has been built, the viewer; or what
# the arguments name (building, codec, crowd, network, viewer, world). About twenty-five minutes, twelve of which are the crowds'.
set -eu
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- codec world network building crowd viewer
benches="" viewer=""
for name in "$@"; do
    case "$name" in
        viewer) viewer=yes ;;
        world) scripts/setup-bench.sh; benches="$benches --bench world" ;;
        *) benches="$benches --bench $name" ;;
    esac
done
# Always all default members and the one profile: any other selection has other features and compiles RocksDB again.
if [ -n "$benches" ]; then
    cargo build --locked --bins $benches
    cargo bench --locked --profile dev $benches
fi
[ -z "$viewer" ] || scripts/viewer.sh
