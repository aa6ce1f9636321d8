#!/bin/sh
# A Redis that keeps what it has acknowledged, with its data in FOLDER: `redis.sh start FOLDER PORT`, `restart` kills it
# first, `stop` ends it. Fulfilled when it answers.
set -eu
what=$1 folder=$2 port=$3
pidfile=$folder/redis.pid

end() {
  [ -f "$pidfile" ] || return 0
  pid=$(cat "$pidfile")
  kill -9 "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
  rm -f "$pidfile"
}

if [ "$what" != start ]; then end; fi
if [ "$what" = stop ]; then exit 0; fi
redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly yes --appendfsync always \
  --daemonize yes --pidfile "$pidfile" --logfile "$folder/redis.log" >"$folder/start.log"
tries=0
until [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; do
  tries=$((tries + 1))
  [ $tries -lt 500 ] || exit 1
  sleep 0.02
done
