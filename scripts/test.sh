#!/bin/sh
# Runs every test, or those that the arguments select (such as --test crash), and ends with their number and time. Uses cargo-nextest where
# it is installed, since it runs the tests of all crates side by side; plain cargo otherwise.
set -eu
cd "$(dirname "$0")/.."

# The tests of whole networks start the real program, so it is built with them, and always with all default members: another
# selection would resolve other features and compile dependencies anew.
cargo build --locked --bins --tests

start=$(date +%s)
if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --locked "$@"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
{ cargo test --locked --lib --bins --tests "$@" 2>&1 || echo "test run failed" ; } | tee "$log"
! grep -q '^test run failed$' "$log" || status=1
passed=$(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$log")
failed=$(awk '/^test result:/ { sum += $6 } END { print sum + 0 }' "$log")
echo "Summary: $((passed + failed)) tests run: $passed passed, $failed failed, in $(($(date +%s) - start)) s"
exit $status
