# shellcheck shell=bash
# What ./try and ./test share; they read it with ".". It brings a Debian or Ubuntu that has git and python3 to where
# .venv/bin/minirun runs, and does only what is not done yet.
#
#   install_packages     Debian packages, from a table on standard input
#   install_minirun .    .venv with minirun and what it needs; '.[test]' adds what the tests need
#   as_root COMMAND...   by sudo, unless it is root who runs this

set -euo pipefail
cd "$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")"

# Debian keeps runc and capsh where only root's $PATH leads.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

say() {
    echo "${0##*/}: $*" >&2
}

die() {
    say "$@"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        type -P sudo >/dev/null || die "needs root for: $*. There is no sudo here: run ${0##*/} as root"
        sudo "$@"
    fi
}

# ---- Debian packages

# Reads lines "PACKAGE PROGRAM what it is for" and installs each PACKAGE whose PROGRAM is missing; PROGRAM - means that
# the package brings none, or that one of another package would not do. Tells of those that can't be had, and goes on.
install_packages() {
    local table missing package purpose
    table=$(cat)
    missing=$(missing_packages <<<"$table")
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086 # one word a package
    get_packages $missing
    missing_packages <<<"$table" | while read -r package; do
        purpose=$(awk -v package="$package" '$1 == package { $1 = $2 = ""; print }' <<<"$table")
        say "WARNING: could not install $package. Without it, this does not work or is not tested:$purpose"
    done
}

missing_packages() {
    local package program
    while read -r package program _; do
        if [ "$program" = - ] || ! type -P "$program" >/dev/null; then
            is_installed "$package" || echo "$package"
        fi
    done
}

is_installed() {
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# All at once, and if that fails one by one, so that one that does not exist here does not keep the others away.
get_packages() {
    local package
    type -P apt-get >/dev/null || return 0
    say "installing with apt-get: $*"
    update_package_lists
    apt_get_install "$@" && return
    for package in "$@"; do
        apt_get_install "$package" || true
    done
}

lists_are_new=no
update_package_lists() {
    [ "$lists_are_new" = no ] || return 0
    apt_get update || say 'apt-get update failed; trying with the old package lists'
    lists_are_new=yes
}

# --no-remove: nothing that the machine has is given up for a test. Only busybox-static takes the place of busybox,
# which is the same program but for its shared libraries, and can't be installed beside it.
apt_get_install() {
    local remove=--no-remove
    [ "$*" != busybox-static ] || remove=
    apt_get install --no-install-recommends ${remove:+"$remove"} "$@"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes NEEDRESTART_SUSPEND=1 \
        apt-get --quiet=2 --yes -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null >/dev/null
}

# ---- Python

# Sets $python to one that is new enough: $PYTHON, or the first of some names on $PATH, or one that apt-get brings.
choose_python() {
    python=$(find_python) && return
    [ -z "${PYTHON:-}" ] || die "\$PYTHON is $PYTHON, which is no Python 3.11 or newer"
    get_newer_python
    python=$(find_python) || die "minirun needs Python 3.11 or newer; python3 is $(python3 --version 2>&1) here." \
        'Install one (Ubuntu 22.04 has the packages python3.11 and python3.11-venv in its "universe"),' \
        'or say where one is: PYTHON=/path/to/python3'
}

# Prints the interpreter itself, not a virtual environment's link to it: that one may be in .venv, which we replace.
find_python() {
    local name new_enough='import sys; sys.exit(1) if sys.version_info < (3, 11) else print(sys._base_executable)'
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        "$name" -c "$new_enough" 2>/dev/null && return
    done
    return 1
}

get_newer_python() {
    local version
    type -P apt-get >/dev/null || return 0
    update_package_lists
    for version in 3.14 3.13 3.12 3.11; do
        if apt-cache show "python$version" >/dev/null 2>&1; then
            get_packages "python$version" "python$version-venv"
            return
        fi
    done
}

version_of() {
    "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null
}

# ---- minirun

install_minirun() {
    local made_of stamp=.venv/made-of${1//[^a-z]/}
    choose_python
    made_of=$(fingerprint)
    [ "$(cat "$stamp" 2>/dev/null)" != "$made_of" ] || return 0
    make_environment
    say 'installing minirun into .venv'
    rm -rf build minirun.egg-info # an older build would bring back modules that are gone by now
    pip_install --compile --no-build-isolation "$1"
    rm -rf build minirun.egg-info
    echo "$made_of" | tee .venv/made-of >"$stamp"
}

# One number for all that decides what an installation contains, and where: programs of pip's begin with a full path.
fingerprint() {
    { version_of "$python" && pwd && find minirun pyproject.toml scripts -type f ! -name '*.pyc' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum; } | sha256sum
}

# setuptools is put in first, so that minirun can be installed again after a change without a network.
make_environment() {
    local complete='import setuptools, sys; sys.exit(int(setuptools.__version__.split(".")[0]) < 77)'
    if [ "$(version_of .venv/bin/python)" = "$(version_of "$python")" ]; then
        .venv/bin/python -c "$complete" 2>/dev/null && return
    fi
    need_venv
    say "making .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv
    pip_install 'setuptools>=77'
}

# Debian keeps the half of venv that brings pip in a package of its own.
need_venv() {
    local package
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    "$python" -c 'import ensurepip' 2>/dev/null || get_packages "$package"
    "$python" -c 'import ensurepip' 2>/dev/null || die "$python can't make virtual environments: install $package"
}

# Not for every Python and processor: a module, the extra of pyproject.toml that has it, and what it is for.
install_if_there_is() {
    .venv/bin/python -c "import $1" 2>/dev/null && return
    say "installing $1 into .venv"
    pip_install --no-build-isolation --only-binary "$1" "$2" ||
        say "WARNING: could not install $1. Without it, this does not work or is not tested: $3"
    rm -rf build minirun.egg-info
}

pip_install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}
