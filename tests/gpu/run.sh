#!/usr/bin/env bash
# What evalkit does on this machine's accelerator, as a Markdown table for docs/performance.md; under 8 minutes.
#
#   tests/gpu/run.sh [--small] [--out FILE] [--seconds N] [--device DEVICE]
#   tests/gpu/run.sh --pack     on a machine with network: makes the wheels that travel along, in tests/gpu/wheels
#
# The machine needs torch, transformers and safetensors, and no network. PYTHON names another interpreter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}
wheels="$here/wheels"

if [ "${1:-}" = "--pack" ]; then
    exec "$python" -m pip wheel --quiet --disable-pip-version-check --wheel-dir "$wheels" "$root"
fi

path="$root"
if compgen -G "$wheels/*.whl" > /dev/null; then
    target=$(mktemp -d)
    trap 'rm -rf "$target"' EXIT
    "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --target "$target" "$wheels"/*.whl
    path="$root:$target"
fi
export PYTHONPATH="$here:$path${PYTHONPATH:+:$PYTHONPATH}" HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
"$python" "$here/measure.py" "$@"
