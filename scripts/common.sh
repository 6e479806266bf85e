# Shared by the scripts beside it: `. scripts/common.sh` from the root of the checkout.
# Makes the virtual environment .venv once, and again when what it is made from has changed.

fail() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or later was found" "install one, or name it: PYTHON=/path/to/python3 $0"
}

# make_venv EXTRAS: .venv holds Cauce (editable) with these extras, at the versions of the lock.
make_venv() {
    extras=$1
    python=$(find_python)
    stamp=$(cat pyproject.toml requirements.lock scripts/common.sh | cksum | tr ' ' '-')
    marker=".venv/.cauce-$extras"
    if [ -x .venv/bin/python ] && [ "$(cat "$marker" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    say "Setting up .venv with Cauce [$extras]; the first time takes a minute or two."
    if [ ! -x .venv/bin/python ]; then
        "$python" -m venv .venv || fail "the virtual environment could not be made" \
            "on Debian and Ubuntu: apt-get install python3-venv"
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint requirements.lock --editable ".[$extras]" ||
        fail "the installation failed" "see the lines above; is a package index reachable?"
    printf '%s' "$stamp" >"$marker"
}
