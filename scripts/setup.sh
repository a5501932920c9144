#!/bin/sh
# Makes sure that this machine has what the build needs beside git, make and rustup's cargo: a C++ compiler, libclang
# for the bindings of RocksDB, pkg-config, and Python for one test. Root is asked for only if something is missing.
set -eu

missing=""
need() { # need COMMAND WORD
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

if ! command -v cargo >/dev/null 2>&1; then
    echo "setup: cargo is missing; install Rust with rustup (https://rustup.rs), then run this again" >&2
    exit 1
fi

has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    for file in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib/libclang*.so* \
        /usr/lib64/libclang*.so* /usr/lib64/llvm*/lib*/libclang*.so* \
        /opt/homebrew/opt/llvm/lib/libclang.dylib /usr/local/opt/llvm/lib/libclang.dylib \
        /Library/Developer/CommandLineTools/usr/lib/libclang.dylib; do
        case "$file" in *libclang-cpp*) continue ;; esac
        [ -e "$file" ] && return 0
    done
    return 1
}

need cc compiler
need "${CXX:-clang++}" clang
need pkg-config pkg-config
need python3 python
has_libclang || missing="$missing libclang"
[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null 2>&1; then
    packages="build-essential clang libclang-dev pkg-config python3"
    install="apt-get install -y $packages"
    refresh="apt-get update"
elif command -v dnf >/dev/null 2>&1; then
    packages="gcc gcc-c++ clang clang-devel pkgconf-pkg-config python3"
    install="dnf install -y $packages"
    refresh=true
elif command -v pacman >/dev/null 2>&1; then
    packages="base-devel clang pkgconf python"
    install="pacman -S --needed --noconfirm $packages"
    refresh="pacman -Sy"
elif command -v zypper >/dev/null 2>&1; then
    packages="gcc gcc-c++ clang clang-devel pkg-config python3"
    install="zypper --non-interactive install $packages"
    refresh=true
elif command -v apk >/dev/null 2>&1; then
    packages="build-base clang clang-dev clang-libclang pkgconf python3 linux-headers"
    install="apk add $packages"
    refresh=true
elif command -v brew >/dev/null 2>&1; then
    brew install llvm pkg-config python3
    exit 0
else
    echo "setup: missing:$missing. Install a C++ compiler, clang with libclang, pkg-config and Python 3 with this" \
        "machine's package manager, then run this again" >&2
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    root=""
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    root="sudo"
else
    echo "setup: missing:$missing, and this account can't install packages. As root, run:" >&2
    echo "    $install" >&2
    exit 1
fi
echo "setup: missing:$missing; installing: $packages"
$root $refresh
$root $install
