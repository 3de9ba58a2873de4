# shellcheck shell=bash
# Finds the programs that the tests need, and installs what is missing where that can be done unasked.

say() { printf '%s\n' "$@"; }
have() { command -v "$1" >/dev/null 2>&1; }

# Debian keeps servers out of an ordinary user's PATH.
PATH="$PATH:/usr/sbin:/sbin"

# The folder of PostgreSQL's newest server programs.
postgres_bin() {
  local folder
  while IFS= read -r folder; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
      printf '%s\n' "$folder"
      return 0
    fi
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)
  if have initdb && have postgres && have pg_ctl; then
    dirname "$(command -v pg_ctl)"
    return 0
  fi
  return 1
}

# The browser; CHROMIUM names another.
chromium_path() {
  local name
  for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome-stable google-chrome; do
    if have "$name"; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

# A Python that can make a venv: Debian's own cannot without python3-venv.
python_path() {
  local name
  for name in python3 /usr/bin/python3; do
    if have "$name" && "$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

present() {
  case $1 in
    cargo) have cargo ;;
    cc) have cc ;;
    postgres) postgres_bin >/dev/null ;;
    mariadb) have mariadbd && have mariadb-install-db && have mariadb ;;
    redis) have redis-server && have redis-cli ;;
    chromium) chromium_path >/dev/null ;;
    node) have node && have npm ;;
    python) python_path >/dev/null ;;
    apache) have apache2 && [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] ;;
    *) have "$1" ;;
  esac
}

packages_of() {
  case $1 in
    cc) echo gcc libc6-dev ;;
    postgres) echo postgresql ;;
    mariadb) echo mariadb-server ;;
    redis) echo redis-server ;;
    node) echo nodejs npm ;;
    python) echo python3 python3-venv ;;
    apache) echo apache2 libapache2-mod-auth-openidc ;;
    *) echo "$1" ;;
  esac
}

all_packages_of() {
  local tool
  for tool in "$@"; do packages_of "$tool"; done | tr '\n' ' '
}

compose_works() { docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

# Brings the named tools here, or says what to install and fails. A server may also come from Docker Compose.
need_tools() {
  local tool packages missing=()
  if ! present cargo; then
    say "The Rust toolchain is missing: https://rustup.rs" >&2
    return 1
  fi
  for tool in "$@"; do
    present "$tool" || missing+=("$tool")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  if ! may_install; then
    local wanted=()
    for tool in "${missing[@]}"; do
      case $tool in
        postgres | mariadb | redis) compose_works || wanted+=("$tool") ;;
        *) wanted+=("$tool") ;;
      esac
    done
    [ ${#wanted[@]} -gt 0 ] || return 0
    say "Missing here: ${wanted[*]}. Install it with" >&2
    say "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $(all_packages_of "${wanted[@]}")" >&2
    say "or run \`scripts/test --only sqlite\`, which needs the Rust toolchain alone." >&2
    return 1
  fi

  read -ra packages <<<"$(all_packages_of "${missing[@]}")"
  install_packages "${packages[@]}" || return 1
  for tool in "${missing[@]}"; do
    if ! present "$tool"; then
      say "$tool is still missing after apt-get install ${packages[*]}" >&2
      return 1
    fi
  done
}

as_root=()
may_install() {
  have apt-get || return 1
  [ "$EUID" -ne 0 ] || return 0
  sudo -n true 2>/dev/null || return 1
  as_root=(sudo -n)
}

policy=/usr/sbin/policy-rc.d
policy_is_ours=
install_packages() {
  local log="${work:?}/apt.log" done_well=0
  say "installing $* (once; a minute or two)"
  # A package's service must not start at installation and hold a port, or a company's machine, from then on.
  if [ ! -e "$policy" ]; then
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        -q -y --no-install-recommends install "$@"
  } >"$log" 2>&1 </dev/null || done_well=$?
  remove_policy
  if [ "$done_well" -ne 0 ]; then
    tail -n 30 "$log" >&2
    say "apt-get could not install $*" >&2
    return 1
  fi
}

remove_policy() {
  [ -n "$policy_is_ours" ] || return 0
  "${as_root[@]}" rm -f "$policy"
  policy_is_ours=
}
