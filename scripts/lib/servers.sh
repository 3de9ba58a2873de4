# shellcheck shell=bash disable=SC2034 # the addresses are read by scripts/test
# Starts throw-away servers on free loopback ports; `$work/stop` learns how to end each one.

# Nothing that such a server stores outlives the run: it need not wait for a disk, nor be asked politely to end.
stop_with() { printf '%s\n' "$*" >>"${work:?}/stop"; }

# A port below the range from which the kernel takes the ports of outgoing connections.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%s\n' "$port"
      return 0
    fi
  done
}

# Starts a program of ours in the background, in a process group of its own, and sets `started` to its id.
started=
in_background() {
  local log=$1
  shift
  set -m
  "$@" >>"$log" 2>&1 </dev/null &
  started=$!
  # Else the shell would report its end in the middle of other output.
  disown "$started"
  set +m
}

# Asks until the answer is yes, the process has ended, or the seconds are over.
wait_until() {
  local seconds=$1 process=$2 end
  shift 2
  end=$((SECONDS + seconds))
  while ! "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ] || ! kill -0 "$process" 2>/dev/null; then
      return 1
    fi
    sleep 0.1
  done
}

end_group() {
  local process=$1 end=$((SECONDS + 10))
  kill -TERM -- "-$process" 2>/dev/null || return 0
  while kill -0 -- "-$process" 2>/dev/null; do
    if [ "$SECONDS" -ge "$end" ]; then
      kill -KILL -- "-$process" 2>/dev/null || true
    fi
    sleep 0.1
  done
}

# Runs a start function until it succeeds: between finding a port free and binding it, another may have taken it.
start() {
  local what=$1 log="${work:?}/$1.log"
  local attempt
  : >"$log"
  for attempt in 1 2 3; do
    if "start_$what" "$log"; then
      return 0
    fi
    say "attempt $attempt to start $what failed" >>"$log"
  done
  say "$what did not start. The end of its log:" >&2
  tail -n 40 "$log" >&2
  return 1
}

postgres_url=
start_postgres() {
  local log=$1 data="$work/postgres" port bin as_user=()
  if ! bin=$(postgres_bin); then
    compose_server postgres 5432 "$log" || return 1
    postgres_url="postgres://app:app@$compose_address/postgres"
    return 0
  fi
  # PostgreSQL refuses to run as root.
  if [ "$EUID" -eq 0 ]; then
    as_user=(runuser -u postgres --)
  fi
  if [ ! -d "$data" ]; then
    mkdir "$data"
    [ "$EUID" -ne 0 ] || chown postgres "$data"
    (cd "$work" && "${as_user[@]}" "$bin/initdb" -D "$data" -U app -A trust -E UTF8 --locale=C.UTF-8 --no-sync) \
      >>"$log" 2>&1 </dev/null || return 1
  fi
  port=$(free_port)
  (cd "$work" && "${as_user[@]}" "$bin/pg_ctl" -D "$data" -w -t 60 -s -l "$data/server.log" -o "-p $port \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=400 \
    -c fsync=off -c full_page_writes=off" start) >>"$log" 2>&1 </dev/null || {
    cat "$data/server.log" >>"$log" 2>/dev/null
    return 1
  }
  stop_with "cd '$work' && ${as_user[*]} '$bin/pg_ctl' -D '$data' -s -m immediate stop"
  postgres_url="postgres://app@127.0.0.1:$port/postgres"
}

mariadb_url=
start_mariadb() {
  local log=$1 data="$work/mariadb" port process as_user=()
  if ! present mariadb; then
    compose_server mariadb 3306 "$log" || return 1
    mariadb_url="mysql://root:app@$compose_address/mysql"
    return 0
  fi
  [ "$EUID" -ne 0 ] || as_user=(--user=mysql)
  if [ ! -d "$data" ]; then
    mkdir "$data"
    [ "$EUID" -ne 0 ] || chown mysql "$data"
    mariadb-install-db --no-defaults "${as_user[@]}" --datadir="$data" --auth-root-authentication-method=normal \
      --skip-test-db >>"$log" 2>&1 </dev/null || return 1
    cat >"$work/mariadb.sql" <<'SQL'
CREATE DATABASE IF NOT EXISTS app;
CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY 'app';
GRANT ALL ON *.* TO 'app'@'%';
SQL
  fi
  port=$(free_port)
  in_background "$log" mariadbd --no-defaults "${as_user[@]}" --datadir="$data" --socket="$data/s" \
    --pid-file="$data/pid" --port="$port" --bind-address=127.0.0.1 --init-file="$work/mariadb.sql" \
    --skip-name-resolve --max-connections=1000 --innodb-flush-log-at-trx-commit=2 --innodb-flush-method=nosync
  process=$started
  wait_until 60 "$process" mariadb --no-defaults -h 127.0.0.1 -P "$port" -u app -papp -e 'SELECT 1' app || {
    kill -KILL "$process" 2>/dev/null || true
    return 1
  }
  stop_with "kill -KILL $process"
  mariadb_url="mysql://app:app@127.0.0.1:$port/app"
}

redis_url=
start_redis() {
  local log=$1 port process
  if ! present redis; then
    compose_server redis 6379 "$log" || return 1
    redis_url="redis://$compose_address"
    return 0
  fi
  port=$(free_port)
  in_background "$log" redis-server --port "$port" --bind 127.0.0.1 --dir "$work" --save '' --appendonly no
  process=$started
  wait_until 30 "$process" redis-cli -h 127.0.0.1 -p "$port" ping || {
    kill -KILL "$process" 2>/dev/null || true
    return 1
  }
  stop_with "kill -KILL $process"
  redis_url="redis://127.0.0.1:$port"
}

# One service of deploy/compose.test.yml, where the server itself cannot be had.
compose_address=
compose_server() {
  local service=$1 port=$2 log=$3 compose
  compose=(docker compose -p "$(basename "$work" | tr 'A-Z.' 'a-z-')" -f "$PWD/deploy/compose.test.yml")
  stop_with "${compose[*]} down -v"
  "${compose[@]}" up -d --wait "$service" >>"$log" 2>&1 </dev/null || return 1
  compose_address=$("${compose[@]}" port "$service" "$port")
}

demo_url=
demo_process=
start_demo() {
  local log=$1 port
  port=$(free_port)
  in_background "$log" "${binary:?}" demo --listen "127.0.0.1:$port"
  demo_process=$started
  demo_url="http://127.0.0.1:$port"
  wait_until 60 "$demo_process" curl -fsS -m 2 "$demo_url/health/ready" || {
    stop_demo
    return 1
  }
}

stop_demo() {
  [ -n "$demo_process" ] || return 0
  end_group "$demo_process"
  demo_process=
}

simulator_url=
simulator_process=
start_simulator() {
  local log=$1 port
  port=$(free_port)
  in_background "$log" "${binary:?}" simulate --listen "127.0.0.1:$port"
  simulator_process=$started
  simulator_url="http://127.0.0.1:$port"
  wait_until 30 "$simulator_process" curl -fsS -m 2 "$simulator_url/_/company" || {
    stop_simulator
    return 1
  }
}

stop_simulator() {
  [ -n "$simulator_process" ] || return 0
  end_group "$simulator_process"
  simulator_process=
}
