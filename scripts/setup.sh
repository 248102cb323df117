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
        sudo ${proxies:+"--preserve-env=$proxies"} "$@"
    fi
}

# The variables that name a proxy, with commas between them: sudo forgets them, and apt-get and the tests need them.
proxies=$(compgen -e | grep -iE '^(https?|ftp|all|no)_proxy$' | paste -sd , || true)

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

# $no_servers says why apt-get can't reach them, and then once: it would say so for each list, and each package.
lists_are_new=no
no_servers=
update_package_lists() {
    local told
    [ "$lists_are_new" = no ] || return 0
    lists_are_new=yes
    told=$(apt_get update 2>&1) || say 'apt-get update failed; trying with the old package lists'
    no_servers=$(sed -nE 's/^[WE]: Failed to fetch [^ ]+  ?//p' <<<"$told" | head -n 1)
    if [ -n "$no_servers" ]; then
        say "apt-get can't reach all servers ($no_servers): trying with what it has"
    elif [ -n "$told" ]; then
        echo "$told" >&2
    fi
}

# --no-remove: nothing that the machine has is given up for a test. Only busybox-static takes the place of busybox,
# which is the same program but for its shared libraries, and can't be installed beside it.
apt_get_install() {
    local told status=0 remove=--no-remove
    [ "$*" != busybox-static ] || remove=
    told=$(apt_get install --no-install-recommends ${remove:+"$remove"} "$@" 2>&1) || status=$?
    [ -z "$told" ] || [ -n "$no_servers" ] || echo "$told" >&2
    return "$status"
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
    install_from_index "$1" || install_from_debian "$1"
    echo "$made_of" | tee .venv/made-of >"$stamp"
}

# Fails where pip can't reach what it needs.
install_from_index() {
    make_environment || return
    say 'installing minirun into .venv'
    rm -rf build minirun.egg-info # an older build would bring back modules that are gone by now
    pip_install --compile --no-build-isolation "$1" || return
    rm -rf build minirun.egg-info
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

# Debian has the same libraries as packages of its own; and what pip does beside fetching them is little.
install_from_debian() {
    local packages=(python3-click python3-jeepney python3-markdown-it python3-psutil python3-pyroute2)
    local modules=click,jeepney,markdown_it,psutil,pyroute2
    if [ "$1" != . ]; then
        packages+=(python3-pytest python3-pytest-timeout python3-hypothesis mypy python3-prometheus-client)
        modules+=,pytest,pytest_timeout,hypothesis,prometheus_client
    fi
    use_python_of_debian "${packages[@]}"
    say "the index of Python packages $why: using Debian's own packages in its place"
    mapfile -t missing < <(not_installed "${packages[@]}")
    [ ${#missing[@]} = 0 ] || get_packages "${missing[@]}"
    "$python" -c "import $modules" 2>/dev/null || die_of_no_network "${packages[@]}"
    rm -rf .venv
    "$python" -m venv --system-site-packages .venv
    copy_minirun
    [ "$1" = . ] || say 'WARNING: Debian has no ruff: the style of the Python code is not tested'
}

# Only the Python that is Debian's sees Debian's packages.
use_python_of_debian() {
    [[ $python != /usr/bin/* ]] || return 0
    [ -z "${PYTHON:-}" ] || die_of_no_network "$@"
    python=$(PYTHON=/usr/bin/python3 find_python) || die_of_no_network "$@"
}

not_installed() {
    local package
    for package; do
        is_installed "$package" || echo "$package"
    done
}

die_of_no_network() {
    die "the index of Python packages $why, and Debian's packages can't be had either. Behind a proxy, export" \
        "http_proxy and https_proxy; a mirror of the index goes into PIP_INDEX_URL; without a network, install these" \
        "first, from a Debian medium: $*"
}

# As pip does it: the packages, the command, and the manual page.
copy_minirun() {
    local site
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cp -r minirun "$site"
    .venv/bin/python -m compileall -qf "$site/minirun"
    install -m 755 scripts/minirun .venv/bin
    install -D -m 644 docs/minirun.8 -t .venv/share/man/man8
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

# What pip says of an index that it can't reach is as long as it tries again. So it is kept back, and $why is one
# reason. Fails then, and where the index has nothing for this Python; anything else that is wrong pip tells itself, and
# it is the end.
pip_install() {
    local told
    told=$(.venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 2 --timeout 20 "$@" 2>&1) && {
        [ -z "$told" ] || echo "$told" >&2
        return
    }
    why=$(trouble_with_index <<<"$told")
    [ -z "$why" ] || return 1
    echo "$told" >&2
    die "pip could not install $*"
}

# From what pip says. It has "from versions: none" for all three of them, but says before what it could not reach, and
# what it has left out.
trouble_with_index() {
    local told wanted reason
    told=$(cat)
    wanted=$(sed -n 's/^ERROR: No matching distribution found for //p' <<<"$told")
    if grep -qE 'connection broken|Max retries exceeded|HTTP error|Could not fetch' <<<"$told"; then
        reason=$(sed -nE "s/.*(\[Errno -?[0-9]+\] |Tunnel connection failed: |HTTP error )([^')]*).*/\2/p" <<<"$told")
        reason=${reason%%$'\n'*}
        echo "can't be reached${reason:+ ($reason)}"
    elif grep -q 'require a different python version' <<<"$told"; then
        echo "has no $wanted for $(.venv/bin/python --version)"
    elif grep -q 'from versions: none' <<<"$told"; then
        echo "has no $wanted"
    fi
}
