#!/bin/sh
# Makes sure that this machine can run the viewer: a Vulkan loader with at least one driver (Mesa's draws in software where
# there is no GPU), and X11's client libraries for a window. Root is asked for only if something is missing.
set -eu

[ "$(uname -s)" = Linux ] || exit 0

has() { ldconfig -p 2>/dev/null | grep -q "$1"; }
missing=""
for library in libvulkan.so.1 libX11.so.6 libX11-xcb.so.1 libXcursor.so.1 libXi.so.6 libXrandr.so.2 libxkbcommon-x11.so.0; do
    has "$library" || missing="$missing $library"
done
# A loader without a driver finds no device.
set -- /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json
drivers=0
for driver in "$@"; do [ -e "$driver" ] && drivers=1; done
[ "$drivers" = 1 ] || missing="$missing Vulkan-driver"
[ -z "$missing" ] && exit 0

if command -v apt-get >/dev/null 2>&1; then
    packages="libvulkan1 mesa-vulkan-drivers libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon-x11-0"
    install="apt-get install -y $packages"
    refresh="apt-get update"
elif command -v dnf >/dev/null 2>&1; then
    install="dnf install -y vulkan-loader mesa-vulkan-drivers libX11 libX11-xcb libXcursor libXi libXrandr libxkbcommon-x11"
    refresh=true
elif command -v pacman >/dev/null 2>&1; then
    install="pacman -S --needed --noconfirm vulkan-icd-loader vulkan-swrast libx11 libxcursor libxi libxrandr libxkbcommon-x11"
    refresh="pacman -Sy"
else
    echo "setup: missing:$missing. Install a Vulkan loader and driver and X11's client libraries with this machine's" \
        "package manager, then run this again" >&2
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
echo "setup: missing:$missing; running: $install"
$root $refresh
$root $install
