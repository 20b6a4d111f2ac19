#!/usr/bin/env bash
# Captures of kernel TCP to measure `tcpkit inspect` with, between two network namespaces that this script makes and
# removes.
#
#     sudo benches/captures.sh FOLDER
#
#     bulk.pcap     1 GB in 8 connections at once, full frames
#     bulk96.pcap   the same, 96 bytes of each frame
#     short.pcap    50,000 connections of 4.7 kB, 25 at once: 300 MB
#     lossy.pcap    200 MB in 8 connections, 1 % of the frames of either end dropped behind the capture
#
# The offloads are off, so that frames are no larger than the MTU and their checksums are filled in. Senders keep to a
# pace at which tcpdump loses nothing on a quiet machine; what it lost is said. A folder in memory (/dev/shm) helps.
# Needs root, 1.7 GB, iproute2, ethtool, nft, tcpdump, python3.
set -euo pipefail
export LC_ALL=C

fail() { echo "captures.sh: $*" >&2; exit 1; }

[[ $# == 1 ]] || fail "usage: benches/captures.sh FOLDER"
[[ $EUID == 0 ]] || fail "needs root, for network namespaces and tcpdump"
for tool in ip ethtool nft tcpdump python3; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done
mkdir -p "$1"
cd "$1"

server=tkcaps$$ client=tkcapc$$
cleanup() {
    trap '' INT TERM HUP
    local namespace
    for namespace in "$server" "$client"; do
        ip netns pids "$namespace" | xargs -r kill -KILL || true
        ip netns del "$namespace" || true
    done
    wait || true
    rm -f traffic.py tcpdump.log server.log
}
trap 'cleanup 2>/dev/null' EXIT # bash would tell which children were killed
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Two hosts

ip netns add "$server"
ip netns add "$client"
ip link add eth netns "$server" type veth peer name eth netns "$client"
ip -n "$server" addr add 198.51.100.1/24 dev eth
ip -n "$client" addr add 198.51.100.2/24 dev eth
for namespace in "$server" "$client"; do
    # No neighbour discovery in the captures, and a port for each of 50,000 connections.
    ip netns exec "$namespace" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_local_port_range="2000 65000"
    ip -n "$namespace" link set eth up
    ip netns exec "$namespace" ethtool -K eth tso off gso off gro off tx off >/dev/null
done

# A request is a number; the answer is as many bytes.
cat >traffic.py <<'END'
import socket, socketserver, sys, threading

BLOCK = bytes(range(256)) * 256
SO_MAX_PACING_RATE = 47 # not in the module; bytes a second

def main(role, *numbers):
    if role == "serve":
        serve(*map(int, numbers))
    else:
        fetch(*map(int, numbers))

def serve(pace):
    class Answer(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, pace)
            left = int(self.request.recv(20))
            while left > 0:
                left -= self.request.send(BLOCK[:left])

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        request_queue_size = 1024

    with Server(("198.51.100.1", 80), Answer) as server:
        print("ready", flush=True)
        server.serve_forever()

def fetch(connections, size, at_once):
    def work():
        for _ in range(connections // at_once):
            with socket.create_connection(("198.51.100.1", 80)) as connection:
                connection.sendall(b"%d\n" % size)
                got = 0
                while data := connection.recv(1 << 18):
                    got += len(data)
                assert got == size, f"{got} of {size} bytes"

    workers = [threading.Thread(target=work) for _ in range(at_once)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

main(*sys.argv[1:])
END

wait_for() { # TEXT FILE PID
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        ! grep -qs "$1" "$2" || return 0
        kill -0 "$3" 2>/dev/null || fail "$(cat "$2")"
        sleep 0.05
    done
    fail "nothing says \"$1\" in $2: $(cat "$2")"
}

rm -f server.log
ip netns exec "$server" python3 traffic.py serve 20000000 >server.log 2>&1 &
wait_for ready server.log $!

capture() { # NAME SNAPLEN CONNECTIONS BYTES AT-ONCE
    local size=-1 tcpdump
    rm -f tcpdump.log
    ip netns exec "$client" tcpdump -i eth -n -B 262144 -s "$2" -w "$1.pcap" tcp 2>tcpdump.log &
    tcpdump=$!
    wait_for listening tcpdump.log "$tcpdump"
    # In the background, because bash does not look at signals before a command in the foreground ends.
    ip netns exec "$client" python3 traffic.py fetch "${@:3}" &
    wait $! || fail "the transfers for $1 failed"
    # tcpdump writes a full block, or after a second.
    while sleep 1.5; [[ $(stat -c %s "$1.pcap") != "$size" ]]; do size=$(stat -c %s "$1.pcap"); done
    kill -INT "$tcpdump"
    wait "$tcpdump" || true
    printf '%-12s %11s bytes, %s, %s\n' "$1.pcap" "$(stat -c %s "$1.pcap")" \
        "$(grep captured tcpdump.log)" "$(grep 'dropped by kernel' tcpdump.log)"
}

capture bulk 262144 8 125000000 8
capture bulk96 96 8 125000000 8
capture short 262144 50000 4700 25
for namespace in "$server" "$client"; do
    ip netns exec "$namespace" nft -f - <<'END'
table ip loss {
    chain arrivals {
        type filter hook input priority 0
        numgen random mod 100 0 drop
    }
}
END
done
capture lossy 262144 8 25000000 8
