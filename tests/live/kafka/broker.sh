#!/usr/bin/env bash
# A single-node Apache Kafka broker (KRaft) from Maven Central's jars, on free ports of 127.0.0.1, for tests and
# `make kafka`. It knows nothing of odometer.
#
#   broker.sh jars         fetch the jars unless the cache has them; print their folder
#   broker.sh format DIR   choose two free ports, write DIR/server.properties, format DIR/data (once)
#   broker.sh start DIR    format unless done, start in the background, wait until it answers, print its address
#   broker.sh stop DIR     stop it in order; its data stays for the next start, on the same port
#   broker.sh serve DIR    the same in the foreground, bound to its owner by standard input: the line "stop" stops it
#                          in order, "kill" at once; where the input ends the owner is gone: it is killed, DIR removed
#   broker.sh tool CLASS [ARGUMENT...]   run a Kafka tool, such as org.apache.kafka.tools.TopicCommand
#
# DIR holds address, broker.log, broker.pid, data, server.properties. Jars: ${ODOMETER_CACHE:-~/.cache/odometer}.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ODOMETER_CACHE:-${HOME:?}/.cache/odometer}
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/pom.xml")
start_seconds_max=60
stop_seconds_max=20

fail() {
    echo "broker.sh: $*" >&2
    exit 1
}

# The folder is filled under another name and then renamed: a folder of that name is whole. The name holds the
# pom's checksum, so that a changed pom is fetched anew.
jars() {
    local folder partial
    folder=$cache/kafka-$version-$(cksum <"$here/pom.xml" | cut -d' ' -f1)
    if [ ! -d "$folder" ]; then
        command -v mvn >/dev/null || fail "needs mvn to fetch Apache Kafka's jars: run make setup"
        mkdir -p "$cache"
        partial=$(mktemp -d "$cache/kafka-partial.XXXXXX")
        mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$partial" >&2 \
            || fail "mvn could not fetch Apache Kafka $version"
        mv -T "$partial" "$folder" 2>/dev/null || rm -rf "$partial" # another process was first
    fi
    echo "$folder"
}

java_with_jars() {
    local folder
    folder=$(jars)
    # Serial collection and the first compiler alone: the quickest start and the smallest process.
    exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
        "-Dlog4j2.configurationFile=$here/log4j2.properties" -cp "$folder/*" "$@"
}

# A port below the range that the system gives to outgoing connections, so that it is still free at a restart.
free_port() {
    local port
    for _ in {1..200}; do
        port=$((20000 + RANDOM % 10000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "found no free port between 20000 and 29999"
}

format() {
    local directory=$1 client_port controller_port cluster
    [ ! -f "$directory/address" ] || return 0
    mkdir -p "$directory/data"
    client_port=$(free_port)
    controller_port=$(free_port)
    while [ "$controller_port" = "$client_port" ]; do controller_port=$(free_port); done
    {
        cat "$here/server.properties"
        echo "log.dirs=$directory/data"
        echo "listeners=PLAINTEXT://127.0.0.1:$client_port,CONTROLLER://127.0.0.1:$controller_port"
        echo "advertised.listeners=PLAINTEXT://127.0.0.1:$client_port"
        echo "controller.quorum.bootstrap.servers=127.0.0.1:$controller_port"
    } >"$directory/server.properties"
    # A cluster id is 16 random bytes in URL-safe base64.
    cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
    (java_with_jars kafka.tools.StorageTool format --standalone --cluster-id="$cluster" \
        --config "$directory/server.properties") >"$directory/format.log" 2>&1 \
        || fail "formatting failed: $(tail -n 3 "$directory/format.log")"
    echo "127.0.0.1:$client_port" >"$directory/address.new"
    mv "$directory/address.new" "$directory/address"
}

# Starts java in the background and writes its process id.
launch() {
    local directory=$1
    java_with_jars kafka.Kafka "$directory/server.properties" >>"$directory/broker.log" 2>&1 </dev/null &
    echo $! >"$directory/broker.pid"
    disown # no "Killed" message from the shell
}

is_running() {
    local directory=$1
    [ -s "$directory/broker.pid" ] && kill -0 "$(cat "$directory/broker.pid")" 2>/dev/null
}

await_answer() {
    local directory=$1 deadline address
    address=$(cat "$directory/address")
    deadline=$((SECONDS + start_seconds_max))
    # The client listener opens as the last step of the start.
    until (exec 3<>"/dev/tcp/${address/://}") 2>/dev/null; do
        is_running "$directory" || fail "the broker died; see $directory/broker.log"
        [ "$SECONDS" -lt "$deadline" ] || fail "no answer in $start_seconds_max s; see $directory/broker.log"
        sleep 0.1
    done
}

await_end() {
    local directory=$1 deadline
    deadline=$((SECONDS + stop_seconds_max))
    while is_running "$directory"; do
        [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$(cat "$directory/broker.pid")" 2>/dev/null || true
        sleep 0.1
    done
    rm -f "$directory/broker.pid"
}

start() {
    local directory=$1
    format "$directory"
    is_running "$directory" || launch "$directory"
    await_answer "$directory"
    cat "$directory/address"
}

stop() {
    local directory=$1
    is_running "$directory" || return 0
    kill -TERM "$(cat "$directory/broker.pid")" 2>/dev/null || true
    await_end "$directory"
}

# Bound to the owner's pipe, so that no broker outlives the test process, however that one ends.
serve() {
    local directory=$1 order=''
    trap '' INT # Ctrl-C is the owner's to answer
    format "$directory"
    launch "$directory"
    await_answer "$directory"
    cat "$directory/address"
    read -r order || order=gone
    [ "$order" = stop ] || kill -KILL "$(cat "$directory/broker.pid")" 2>/dev/null || true
    stop "$directory"
    [ "$order" != gone ] || rm -rf "$directory"
}

command=${1:-}
case $command in
    jars) jars ;;
    format | start | stop | serve)
        [ $# -eq 2 ] || fail "$command wants one folder"
        mkdir -p "$2"
        "$command" "$(cd "$2" && pwd)"
        ;;
    tool)
        [ $# -ge 2 ] || fail "tool wants a class and its arguments"
        shift
        java_with_jars -Dlog.level=WARN "$@"
        ;;
    *) fail "wants jars, format, start, stop, serve or tool; see the head of this file" ;;
esac
