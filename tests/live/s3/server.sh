#!/usr/bin/env bash
# A server that speaks S3 (Adobe's S3Mock from Maven Central), for tests. It knows nothing of odometer.
#
#   server.sh jar             fetch the jar unless the cache has it; print its path
#   server.sh serve PORT DIR  serve the bucket "checkpoints" on 127.0.0.1:PORT with its objects in DIR, print "ready";
#                             bound to its owner by standard input: where that ends it is stopped
# Jar: ${ODOMETER_CACHE:-~/.cache/odometer}.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ODOMETER_CACHE:-${HOME:?}/.cache/odometer}
version=$(sed -n 's|.*<s3mock.version>\(.*\)</s3mock.version>.*|\1|p' "$here/pom.xml")
start_seconds_max=120

fail() {
    echo "server.sh: $*" >&2
    exit 1
}

# The folder is filled under another name and then renamed: a folder of that name is whole.
jar() {
    local folder partial
    folder=$cache/s3mock-$version-$(cksum <"$here/pom.xml" | cut -d' ' -f1)
    if [ ! -d "$folder" ]; then
        command -v mvn >/dev/null || fail "needs mvn to fetch S3Mock: run make setup-test"
        mkdir -p "$cache"
        partial=$(mktemp -d "$cache/s3mock-partial.XXXXXX")
        mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$partial" >&2 \
            || fail "mvn could not fetch S3Mock $version"
        mv -T "$partial" "$folder" 2>/dev/null || rm -rf "$partial" # another process was first
    fi
    echo "$folder/s3mock-$version-exec.jar"
}

serve() {
    local port=$1 directory=$2 deadline process
    trap '' INT # Ctrl-C is the owner's to answer
    mkdir -p "$directory"
    : >"$directory.log"
    # Its second listener, for TLS, takes any free port.
    java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -jar "$(jar)" \
        "--com.adobe.testing.s3mock.httpPort=$port" --server.port=0 --server.address=127.0.0.1 \
        --com.adobe.testing.s3mock.store.initialBuckets=checkpoints \
        --com.adobe.testing.s3mock.store.retainFilesOnExit=true \
        "--com.adobe.testing.s3mock.store.root=$directory" >"$directory.log" 2>&1 &
    process=$!
    deadline=$((SECONDS + start_seconds_max))
    until grep -q "Started S3MockApplication" "$directory.log"; do
        kill -0 "$process" 2>/dev/null || fail "it died; see $directory.log"
        [ "$SECONDS" -lt "$deadline" ] || fail "no answer in $start_seconds_max s; see $directory.log"
        sleep 0.1
    done
    echo ready
    read -r _ || true
    # In order: what it is killed over in the middle of a write it cannot read again.
    kill -TERM "$process" 2>/dev/null || true
    wait "$process" || true
}

case ${1:-} in
    jar) jar ;;
    serve)
        [ $# -eq 3 ] || fail "serve wants a port and a folder"
        serve "$2" "$3"
        ;;
    *) fail "wants jar or serve; see the head of this file" ;;
esac
