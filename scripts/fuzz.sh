#!/bin/sh
# Fuzzes every decoder of foreign bytes, or the targets that the arguments name, for a minute each
# (BITDUST_FUZZ_SECONDS says otherwise). Ends with the runs of each, and non-zero if one found a fault; the input that
# shows it is then kept in fuzz/artifacts/TARGET/.
set -eu
cd "$(dirname "$0")/.."

seconds="${BITDUST_FUZZ_SECONDS:-60}"
# Fuzzing must see the same code as the rest of the project; only its instruments need nightly.
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzz: the nightly toolchain is missing; install it with: rustup toolchain install nightly --profile minimal" >&2
    exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz: cargo-fuzz is missing; install it with: cargo install cargo-fuzz --locked" >&2
    exit 1
fi

[ $# -gt 0 ] || set -- $(cargo +nightly fuzz list)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "fuzz: building $# targets"
cargo +nightly fuzz build

table="target                runs     runs/s  verdict"
status=0
for target in "$@"; do
    echo "fuzz: $target for $seconds s"
    # The longest honest message is a shard of three units; 10 s and 1 GiB for one input are a fault in themselves.
    if cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 >"$log" 2>&1; then
        verdict="nothing found"
    else
        verdict="FAULT"
        status=1
        cat "$log" >&2
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    table="$table
$(printf '%-16s %9s %10s  %s' "$target" "${runs:--}" "${speed:--}" "$verdict")"
done
echo "$table"
exit $status
