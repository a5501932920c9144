#!/bin/sh
# Makes the picture in the README anew: a network on this machine, a world built in it, and the viewer of another player, without a
# window. Needs the viewer (make world-build) and any Vulkan device, software included; takes about three minutes in software.
set -eu
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}"
viewer="${BITDUST_WORLD:-${CARGO_TARGET_DIR:-$cache/bitdust/target}/debug/bitdust-world}"
exec "$viewer" --devnet --headless --size 1280x720 --view 384 --script docs/pictures/first-look.script \
    --screenshot docs/pictures/first-look.png
