#!/bin/sh
# Runs every test, or those that the arguments select (such as --test crash), and ends with their number and time. Uses cargo-nextest where
# it is installed, since it runs the tests of all crates side by side; plain cargo otherwise.
set -eu
cd "$(dirname "$0")/.."

# The tests of whole networks start the real program, so it is built with them, and always with all default members: another
# selection would resolve other features and compile dependencies anew.
flags="--locked ${BITDUST_CARGO_FLAGS:-}"
cargo build $flags --bins --tests

start=$(date +%s)
if cargo nextest --version >/dev/null 2>&1; then
    # One test more than there are processors, since networks of processes mostly wait (.config/nextest.toml).
    export NEXTEST_TEST_THREADS="${NEXTEST_TEST_THREADS:-$(($(getconf _NPROCESSORS_ONLN) + 1))}"
    exec cargo nextest run $flags "$@"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
{ cargo test $flags --lib --bins --tests "$@" 2>&1 || echo "test run failed" ; } | tee "$log"
! grep -q '^test run failed$' "$log" || status=1
passed=$(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$log")
failed=$(awk '/^test result:/ { sum += $6 } END { print sum + 0 }' "$log")
echo "Summary: $((passed + failed)) tests run: $passed passed, $failed failed, in $(($(date +%s) - start)) s"
exit $status
