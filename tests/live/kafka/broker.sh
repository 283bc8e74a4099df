#!/usr/bin/env bash
# A single-node Apache Kafka broker (KRaft) from Maven Central's jars, on free ports of 127.0.0.1, for tests and
# `make kafka`. It knows nothing of odometer.
#
#   broker.sh jars         fetch the jars unless the cache has them; print their folder
#   broker.sh secure DIR   before the first start: let DIR's broker have listeners with SASL and with TLS as well
#   broker.sh proxied DIR  before the first start: let it have a listener more, whose advertised address is another port,
#                          that of a proxy between
#   broker.sh format DIR   choose two free ports, write DIR/server.properties, format DIR/data (once)
#   broker.sh start DIR    format unless done, start in the background, wait until it answers, print its address
#   broker.sh stop DIR     stop it in order; its data stays for the next start, on the same port
#   broker.sh serve DIR    the same in the foreground, bound to its owner by standard input: the line "stop" stops it
#                          in order, "kill" at once; where the input ends the owner is gone: it is killed, DIR removed
#   broker.sh tool CLASS [ARGUMENT...]   run a Kafka tool, such as org.apache.kafka.tools.TopicCommand
#
# DIR holds address, broker.log, broker.pid, data, registered (unless it was stopped in order), server.properties; secure adds DIR/secure: the certificate of an
# authority of its own (ca.pem), the password of the users "odometer" (password; PLAIN, SCRAM-SHA-256 and -512), who may do
# anything, and "guest" (PLAIN), who may do what ACLs grant, a certificate of CN=client (client.pem) with its key, which the
# same password opens (client.key), and, once formatted, the addresses SASL_PLAINTEXT, SSL, SASL_SSL and MTLS (clients show
# certificates there), a file each; proxied adds DIR/proxied: the addresses listener and advertised.
# Jars: ${ODOMETER_CACHE:-~/.cache/odometer}.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ODOMETER_CACHE:-${HOME:?}/.cache/odometer}
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/pom.xml")
start_seconds_max=60
fence_seconds_max=30
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
        command -v mvn >/dev/null || fail "needs mvn to fetch Apache Kafka's jars: run make setup-test"
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

# An authority, a key of the broker with a certificate of it for 127.0.0.1, and one of a client, as PEM.
secure() {
    local folder=$1/secure subject=san=ip:127.0.0.1
    mkdir -p "$folder"
    head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$folder/password"
    tool() {
        local store=$1
        shift
        keytool "$@" -keystore "$folder/$store.p12" -storetype PKCS12 -storepass:file "$folder/password" 2>>"$folder/log"
    }
    {
        tool authority -genkeypair -alias authority -keyalg EC -dname CN=authority -ext bc:c -validity 2 &&
            tool authority -exportcert -rfc -alias authority >"$folder/ca.pem" &&
            tool broker -genkeypair -alias broker -keyalg EC -dname CN=broker -validity 2 &&
            tool broker -certreq -alias broker >"$folder/request.pem" &&
            tool authority -gencert -rfc -alias authority -ext "$subject" -validity 2 \
                <"$folder/request.pem" >"$folder/broker.pem" &&
            tool broker -importcert -noprompt -alias authority -file "$folder/ca.pem" &&
            tool broker -importcert -noprompt -alias broker -file "$folder/broker.pem" &&
            tool client -genkeypair -alias client -keyalg EC -dname CN=client -validity 2 &&
            tool client -certreq -alias client >"$folder/request.pem" &&
            tool authority -gencert -rfc -alias authority -validity 2 \
                <"$folder/request.pem" >"$folder/client.pem" &&
            password=$(cat "$folder/password") openssl pkcs12 -in "$folder/client.p12" -nocerts \
                -passin env:password -passout env:password -out "$folder/client.key" 2>>"$folder/log"
    } || fail "keytool made no certificates: $(tail -n 3 "$folder/log")"
}

# Prints the lines of server.properties for the listeners of `secure`, after the first two.
secure_listeners() {
    local folder=$1/secure listeners=$2 advertised=$3 password protocol port name
    local modules=org.apache.kafka.common.security
    password=$(cat "$folder/password")
    for protocol in SASL_PLAINTEXT SSL SASL_SSL MTLS; do
        port=$(free_port)
        while [[ $listeners == *":$port"* ]]; do port=$(free_port); done
        listeners+=",$protocol://127.0.0.1:$port"
        advertised+=",$protocol://127.0.0.1:$port"
        echo "127.0.0.1:$port" >"$folder/$protocol"
    done
    echo "listeners=$listeners"
    echo "advertised.listeners=$advertised"
    echo "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
    for protocol in sasl_plaintext sasl_ssl; do
        name=listener.name.$protocol
        echo "$name.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required user_odometer=\"$password\" user_guest=\"$password\";"
        echo "$name.scram-sha-256.sasl.jaas.config=$modules.scram.ScramLoginModule required;"
        echo "$name.scram-sha-512.sasl.jaas.config=$modules.scram.ScramLoginModule required;"
    done
    echo "ssl.keystore.type=PKCS12"
    echo "ssl.keystore.location=$folder/broker.p12"
    echo "ssl.keystore.password=$password"
    echo "ssl.key.password=$password"
    echo "ssl.truststore.type=PKCS12"
    echo "ssl.truststore.location=$folder/broker.p12"
    echo "ssl.truststore.password=$password"
    echo "listener.name.mtls.ssl.client.auth=required"
    # Who names no user comes over a listener that asks for none.
    echo "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    echo "super.users=User:ANONYMOUS;User:odometer"
}

proxied() {
    mkdir -p "$1/proxied"
}

# Prints the lines of server.properties for the listener of `proxied`, after the first two.
proxied_listener() {
    local folder=$1/proxied listeners=$2 advertised=$3 port proxy
    port=$(free_port)
    while [[ $listeners == *":$port"* ]]; do port=$(free_port); done
    proxy=$(free_port)
    while [[ $listeners,:$port == *":$proxy"* ]]; do proxy=$(free_port); done
    echo "listeners=$listeners,PROXIED://127.0.0.1:$port"
    echo "advertised.listeners=$advertised,PROXIED://127.0.0.1:$proxy"
    echo "127.0.0.1:$port" >"$folder/listener"
    echo "127.0.0.1:$proxy" >"$folder/advertised"
}

format() {
    local directory=$1 client_port controller_port cluster listeners advertised mechanism users=()
    [ ! -f "$directory/address" ] || return 0
    mkdir -p "$directory/data"
    client_port=$(free_port)
    controller_port=$(free_port)
    while [ "$controller_port" = "$client_port" ]; do controller_port=$(free_port); done
    listeners=PLAINTEXT://127.0.0.1:$client_port,CONTROLLER://127.0.0.1:$controller_port
    advertised=PLAINTEXT://127.0.0.1:$client_port
    {
        cat "$here/server.properties"
        echo "log.dirs=$directory/data"
        if [ -d "$directory/secure" ]; then
            secure_listeners "$directory" "$listeners" "$advertised"
        elif [ -d "$directory/proxied" ]; then
            proxied_listener "$directory" "$listeners" "$advertised"
        else
            echo "listeners=$listeners"
            echo "advertised.listeners=$advertised"
        fi
        echo "controller.quorum.bootstrap.servers=127.0.0.1:$controller_port"
    } >"$directory/server.properties"
    # A cluster id is 16 random bytes in URL-safe base64.
    cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
    if [ -d "$directory/secure" ]; then
        for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
            users+=(--add-scram "$mechanism=[name=odometer,password=$(cat "$directory/secure/password")]")
        done
    fi
    (java_with_jars kafka.tools.StorageTool format --standalone --cluster-id="$cluster" "${users[@]}" \
        --config "$directory/server.properties") >"$directory/format.log" 2>&1 \
        || fail "formatting failed: $(tail -n 3 "$directory/format.log")"
    echo "127.0.0.1:$client_port" >"$directory/address.new"
    mv "$directory/address.new" "$directory/address"
}

# A broker that was killed is still registered, and its next start leads its partitions by that: then its former session
# ends, the partitions have no leader for a moment, and it takes those that are to get the end of a transaction for deleted
# ("Couldn't find leader endpoint for partitions"), so that the transaction stays open for ever. With more than one replica
# they would have another leader. So the former session is ended first, by the controller alone.
end_session() {
    local directory=$1 deadline pid
    {
        sed -E -e 's/^process.roles=.*/process.roles=controller/' \
            -e 's#^listeners=.*(CONTROLLER://[^,]+).*#listeners=\1#' \
            -e '/^(advertised.listeners|broker.session.timeout.ms|broker.heartbeat.interval.ms)=/d' \
            "$directory/server.properties"
        echo "broker.heartbeat.interval.ms=100"
        echo "broker.session.timeout.ms=200"
    } >"$directory/controller.properties"
    : >"$directory/controller.log"
    java_with_jars kafka.Kafka "$directory/controller.properties" >>"$directory/controller.log" 2>&1 </dev/null &
    pid=$!
    disown
    deadline=$((SECONDS + fence_seconds_max))
    until grep -q "Fencing broker" "$directory/controller.log"; do
        kill -0 "$pid" 2>/dev/null || fail "the controller died; see $directory/controller.log"
        [ "$SECONDS" -lt "$deadline" ] || break # it was killed while it had no session
        sleep 0.1
    done
    # In order, for it says so before it has written so.
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + stop_seconds_max))
    while kill -0 "$pid" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.1
    done
}

# Starts java in the background and writes its process id.
launch() {
    local directory=$1
    [ ! -f "$directory/registered" ] || end_session "$directory"
    touch "$directory/registered"
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
    kill -TERM "$(cat "$directory/broker.pid")" 2>/dev/null && rm -f "$directory/registered"
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
    if [ "$order" = stop ]; then
        stop "$directory"
    else
        kill -KILL "$(cat "$directory/broker.pid")" 2>/dev/null || true
        await_end "$directory"
    fi
    [ "$order" != gone ] || rm -rf "$directory"
}

command=${1:-}
case $command in
    jars) jars ;;
    secure | proxied | format | start | stop | serve)
        [ $# -eq 2 ] || fail "$command wants one folder"
        mkdir -p "$2"
        "$command" "$(cd "$2" && pwd)"
        ;;
    tool)
        [ $# -ge 2 ] || fail "tool wants a class and its arguments"
        shift
        java_with_jars -Dlog.level=WARN "$@"
        ;;
    *) fail "wants jars, secure, proxied, format, start, stop, serve or tool; see the head of this file" ;;
esac
