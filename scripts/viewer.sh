#!/bin/sh
# Measures the viewer without a window, drawn by Mesa's software renderer at 320 x 180: the time from its start to the first
# picture with everything in sight, the time of a frame while it flies over a village at 30 m/s, and the memory that it takes at a
# view distance of 384 m. Does nothing where the viewer hasn't been built (make world-build). About three minutes.
set -eu
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}"
viewer="${BITDUST_WORLD:-${CARGO_TARGET_DIR:-$cache/bitdust/target}/debug/bitdust-world}"
if [ ! -x "$viewer" ]; then
    echo "viewer: $viewer isn't there, so it isn't measured; build it with: make world-build"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A graphics card would be measured instead, if the loader found it.
for driver in /usr/share/vulkan/icd.d/lvp_icd*.json; do
    [ -e "$driver" ] && export VK_DRIVER_FILES="$driver" VK_ICD_FILENAMES="$driver"
done

cat >"$scratch/flight" <<'SCRIPT'
# Over the village of Colhurst, its forest, fields and river. A second of the game is 20 frames.
hud off
fly 0 1 0 0.1 0.05
at 840 75 -280
look 220 -18
set time 09:00
wait chunks
fly -0.64 0 0.77 30 6
SCRIPT
"$viewer" --headless --seed 1 --size 320x180 --view 384 --script "$scratch/flight" --figures "$scratch/figures"

python3 - "$scratch/figures" <<'SHOW'
import json, sys

figures = json.load(open(sys.argv[1]))
frame = figures["frameMs"]
memory = figures["memoryMostBytes"]
print(f"Viewer: {figures['device']}, 320 x 180, view distance {figures['viewM']} m\n")
print(f"  from the start to the first frame      {figures['firstFrameS']:8.1f} s")
print(f"  to a picture with everything in sight  {figures['firstPictureS']:8.1f} s")
print(f"  frame in flight at 30 m/s, median      {frame['median']:8.0f} ms   ({figures['frames']} frames)")
print(f"  95 of 100 within                       {frame['of10095']:8.0f} ms")
if memory is not None:
    print(f"  memory at its most                     {memory / 2**20:8.0f} MiB  (aim: 1024)")
SHOW
