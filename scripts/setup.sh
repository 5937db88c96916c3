#!/usr/bin/env bash
# Brings what the build does not: a software Vulkan driver and PostgreSQL (Debian packages) and the ONNX Runtime library (from its PyPI wheel, into
# vendor/, which git ignores). Idempotent: what is there already is left alone, and nothing is asked of the network then.
set -euo pipefail
cd "$(dirname "$0")/.."

ONNXRUNTIME=1.31.1
stop() { echo "setup: $*" >&2; exit 3; }

command -v cargo >/dev/null || stop "cargo is missing; install Rust 1.95 or newer (https://rustup.rs), then run make again."

# --- Debian packages -------------------------------------------------------------------------------------------------------------------
missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
# wgpu loads libvulkan.so.1 at run time and takes any driver that it lists; lavapipe is the one that needs no GPU.
ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || missing+=(libvulkan1)
compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null || missing+=(mesa-vulkan-drivers)
# The pool's tests start a server of their own; Debian keeps its programs out of PATH.
{ compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; } || missing+=(postgresql)
library=vendor/onnxruntime/libonnxruntime.so
if [ ! -e "$library" ] || [ "$(cat vendor/onnxruntime/VERSION 2>/dev/null)" != "$ONNXRUNTIME" ]; then
    need_onnxruntime=1
    command -v python3 >/dev/null || missing+=(python3)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
fi
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || stop "needs the Debian packages '${missing[*]}' or what your system calls them; install them, then run make again."
    if [ "$(id -u)" = 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else
        stop "needs root for Debian packages; run: sudo apt-get update && sudo apt-get install -y ${missing[*]}   and then make again."
    fi
    echo "setup: installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq >&2 || stop "apt-get update failed (is there a network?)."
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 \
        || stop "apt-get could not install ${missing[*]}."
fi

# --- ONNX Runtime ----------------------------------------------------------------------------------------------------------------------
if [ -n "${need_onnxruntime:-}" ]; then
    echo "setup: fetching ONNX Runtime $ONNXRUNTIME" >&2
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # The library does not care for the Python version in the wheel's name: one is asked for by name, so that any Python can fetch it.
    python3 -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
        --platform "manylinux_2_28_$(uname -m)" --dest "$work" "onnxruntime==$ONNXRUNTIME" >&2 \
        || stop "could not fetch the wheel onnxruntime $ONNXRUNTIME with pip (is there a network?)."
    if [ "$(uname -m)" = x86_64 ]; then
        echo "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f  $(echo "$work"/*.whl)" | sha256sum --check --quiet - >&2 \
            || stop "the wheel onnxruntime $ONNXRUNTIME is not the one that this project was tested with."
    fi
    python3 - "$work" <<'PY'
import glob, sys, zipfile
wheel = glob.glob(sys.argv[1] + "/*.whl")[0]
with zipfile.ZipFile(wheel) as z:
    names = z.namelist()
    library = next(n for n in names if n.startswith("onnxruntime/capi/libonnxruntime.so"))
    open(sys.argv[1] + "/libonnxruntime.so", "wb").write(z.read(library))
    for n in names:
        if n in ("onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"):
            open(sys.argv[1] + "/" + n.rsplit("/", 1)[1], "wb").write(z.read(n))
PY
    mkdir -p vendor/onnxruntime
    cp "$work"/libonnxruntime.so vendor/onnxruntime/.libonnxruntime.so.part
    for text in LICENSE ThirdPartyNotices.txt; do if [ -e "$work/$text" ]; then cp "$work/$text" vendor/onnxruntime/; fi; done
    mv vendor/onnxruntime/.libonnxruntime.so.part "$library"
    echo "$ONNXRUNTIME" > vendor/onnxruntime/VERSION
fi
