# Makes the virtual environment .venv with what is asked for, once; again when pyproject.toml changes.
# Sourced by ./playground and ./check: `ensure_venv '[federation]'` or `ensure_venv '[test]'`.  Sets $python.

ensure_venv() {
    root=$(cd "$(dirname "$0")" && pwd)
    base=${PYTHON:-python3}
    if ! "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "feddns needs Python 3.11 or newer as python3; PYTHON=/path/to/python3.11 chooses one" >&2
        exit 1
    fi
    python=$root/.venv/bin/python
    stamp=$root/.venv/installed$1
    if [ -e "$stamp" ] && [ "$stamp" -nt "$root/pyproject.toml" ]; then
        return
    fi
    if ! [ -x "$python" ] && ! "$base" -m venv "$root/.venv"; then
        echo "no virtual environment could be made: apt-get install python3-venv" >&2
        exit 1
    fi
    echo "installing feddns into .venv ..." >&2
    "$python" -m pip install --quiet --disable-pip-version-check --editable "$root$1" || exit 1
    touch "$stamp"
}
