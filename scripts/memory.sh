#!/bin/sh
# Stores a file of 1 GiB through a running devnet and fetches it back. Prints MiB/s, and for each process its resident
# memory when idle and at its peak (Rss of /proc/PID/smaps_rollup, looked at every 200 ms). Ends non-zero if a process
# grew by more than 300 MiB.
#
# BITDUST_RPC: the customer's node (http://127.0.0.1:8545). BITDUST_MEMORY_MIB: size of the file. BITDUST: the program.
set -eu

rpc="${BITDUST_RPC:-http://127.0.0.1:8545}"
mib="${BITDUST_MEMORY_MIB:-1024}"
growth_max_mib=300
cache="${XDG_CACHE_HOME:-$HOME/.cache}"
bitdust="${BITDUST:-${CARGO_TARGET_DIR:-$cache/bitdust/target}/debug/bitdust}"

# A running devnet leaves a file named by its process id, with the address and token of each node.
devnet=""
address="${rpc#http://}"
for entry in "$HOME"/.bitdust/devnets/*; do
    if [ -d "/proc/${entry##*/}" ] && grep -q "^${address%/} " "$entry"; then devnet="${entry##*/}"; fi
done
if [ -z "$devnet" ]; then
    echo "memory: no devnet of this user has a node at $rpc; start one with: bitdust devnet" >&2
    exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The nodes: children of the devnet, named by their directory, which is the last word of their command.
for status in $(grep -ls "^PPid:[[:space:]]*$devnet\$" /proc/[0-9]*/status); do
    pid=$(basename "${status%/status}")
    directory=$(tr '\0' '\n' <"/proc/$pid/cmdline" | tail -n 1)
    echo "$pid ${directory##*/}"
done | sort -k 2 >"$scratch/nodes"

# watch SAMPLES FILE: the least and the most KiB of each process listed in FILE, over SAMPLES looks, or, if that is 0,
# until the last process listed has ended.
watch() {
    awk -v samples="$1" '
        function resident(pid,   file, line, part, kib) {
            file = "/proc/" pid "/smaps_rollup"
            while ((getline line < file) > 0) if (split(line, part, " ") && part[1] == "Rss:") kib = part[2]
            close(file)
            return kib + 0
        }
        { pid[NR] = $1; name[NR] = $2 }
        END {
            do {
                for (i = 1; i <= NR; i++) {
                    kib = resident(pid[i])
                    if (kib && (!(i in least) || kib < least[i])) least[i] = kib
                    if (kib > most[i]) most[i] = kib
                }
                looks++
                system("sleep 0.2")
            } while (samples ? looks < samples : resident(pid[NR]))
            for (i = 1; i <= NR; i++) print name[i], least[i] + 0, most[i] + 0
        }' "$2"
}

# measure NAME COMMAND...: runs the command and watches it and all nodes; leaves NAME.memory and NAME.seconds.
measure() {
    name="$1"
    shift
    start=$(date +%s.%N)
    "$@" >"$scratch/$name.said" 2>&1 &
    client=$!
    { cat "$scratch/nodes"; echo "$client client"; } >"$scratch/watched"
    watch 0 "$scratch/watched" >"$scratch/$name.memory"
    if ! wait "$client"; then
        cat "$scratch/$name.said" >&2
        exit 1
    fi
    echo "$start $(date +%s.%N)" | awk '{ print $2 - $1 }' >"$scratch/$name.seconds"
}

head -c "$((mib * 1048576))" /dev/urandom >"$scratch/file"
stored="memory-$(date +%s)"
watch 15 "$scratch/nodes" >"$scratch/idle.memory"
measure put "$bitdust" put "$scratch/file" --as "$stored" --rpc "$rpc"
measure get "$bitdust" get "$stored" --output "$scratch/back" --rpc "$rpc"
cmp "$scratch/file" "$scratch/back"

for name in put get; do
    awk -v name="$name" -v mib="$mib" '{ printf "%s %d MiB in %.1f s: %.1f MiB/s\n", name, mib, $1, mib / $1 }' \
        "$scratch/$name.seconds"
done
printf '\n%-16s %10s %10s %10s %10s\n' "MiB resident" idle put get growth
# The client has no idle time: all that it takes counts as growth.
awk -v max="$growth_max_mib" '
    FILENAME ~ /idle.memory$/ { idle[$1] = $2 }
    FILENAME ~ /put.memory$/ { put[$1] = $3; order[++count] = $1 }
    FILENAME ~ /get.memory$/ { get[$1] = $3 }
    END {
        for (i = 1; i <= count; i++) {
            name = order[i]
            peak = put[name] > get[name] ? put[name] : get[name]
            growth = (peak - idle[name]) / 1024
            printf "%-16s %10.1f %10.1f %10.1f %10.1f%s\n", name, idle[name] / 1024, put[name] / 1024, \
                get[name] / 1024, growth, (growth > max ? "  above " max : "")
            if (growth > max) worse = 1
        }
        exit worse
    }' "$scratch/idle.memory" "$scratch/put.memory" "$scratch/get.memory"
