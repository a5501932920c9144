#!/bin/sh
# Looks for what `make bench` holds our terrain against: Luanti's server with a game. Installs Debian's package if that can be
# done without asking; else says what is missing. The bench goes on without it, so this never fails.
set -u

for program in luantiserver minetestserver /usr/games/luantiserver /usr/games/minetestserver; do
    command -v "$program" >/dev/null 2>&1 && exit 0
done
missing="bench: Luanti's server is missing, so nothing is held against its terrain"
package=minetest-server
if ! command -v apt-get >/dev/null 2>&1; then
    echo "$missing; install it with this machine's package manager" >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    root="sudo"
else
    echo "$missing; as root, run: apt-get install -y $package" >&2
    exit 0
fi
echo "bench: installing $package"
if ! { $root apt-get update && $root apt-get install -y --no-install-recommends "$package"; } >/dev/null 2>&1; then
    echo "$missing: apt-get can't install $package" >&2
    exit 0
fi
# The package starts a game for the whole network at once, which nobody asked for.
if [ -d /run/systemd/system ]; then
    $root systemctl disable --now minetest-server >/dev/null 2>&1
else
    $root /etc/init.d/minetest-server stop >/dev/null 2>&1
fi
exit 0
