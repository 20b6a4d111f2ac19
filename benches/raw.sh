#!/usr/bin/env bash
# tcpkit's raw link against the kernel's TCP, between two network namespaces that this script makes and removes.
#
#     cargo build --release && sudo benches/raw.sh [BYTES] [RUNS]
#
# One file of BYTES (1000000000) goes over HTTP, A at one end of a veth pair and B at the other:
#
#     1  B nginx  -> A curl             the kernel at both ends, for comparison
#     2  B nginx  -> A tcpkit fetch     tcpkit receives
#     3  A nginx  -> B curl             the kernel at both ends, the other way
#     4  A tcpkit serve -> B curl       tcpkit sends
#
# First with the offloads a veth pair has, then with all of them off, so that only packets of the MTU with checksums
# pass. Each time one round of all four to warm up, then RUNS (5) rounds, so that a slow moment of the machine hits all.
#
# Gbit/s is goodput by wall time of the client, its start and end included: minimum, median, maximum. "cores" is the CPU
# time of the tcpkit process over the wall time, all runs together. What the kernel does for it in softirqs of others is
# not in it.
#
# Exit code 1 if something fails, or if A's kernel sent a reset: it must stay silent about tcpkit's connections.
# Needs root, iproute2, ethtool, nginx, curl. TCPKIT names another binary.
set -euo pipefail
export LC_ALL=C # a decimal point in times

cd "$(dirname "$0")/.."
bytes=${1:-1000000000} runs=${2:-5}
tcpkit=$(realpath -m "${TCPKIT:-target/release/tcpkit}")
a=tkraw$$a b=tkraw$$b
address_a=198.51.100.1 address_b=198.51.100.2

fail() { echo "raw.sh: $*" >&2; exit 1; }

[[ $# -le 2 && $bytes =~ ^[1-9][0-9]*$ && $runs =~ ^[1-9][0-9]*$ ]] || fail "usage: benches/raw.sh [BYTES] [RUNS]"
[[ $EUID == 0 ]] || fail "needs root, for network namespaces and raw sockets"
[[ -x $tcpkit ]] || fail "$tcpkit is missing: cargo build --release"
for tool in ip ss ethtool nginx curl; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done

cleanup() {
    trap '' INT TERM HUP
    local namespace
    for namespace in "$a" "$b"; do
        ip netns pids "$namespace" | xargs -r kill -KILL || true
    done
    jobs -p | xargs -r kill -KILL || true
    wait || true
    for namespace in "$a" "$b"; do
        ip netns del "$namespace" || true
    done
    [[ -z ${folder:-} ]] || rm -rf "$folder"
}
trap 'cleanup 2>/dev/null' EXIT # bash would tell which children were killed
trap 'exit 130' INT
trap 'exit 143' TERM HUP

folder=$(mktemp -d -p "$([[ -d /dev/shm ]] && echo /dev/shm || echo /tmp)" tcpkit-raw.XXXXXX)

# Not for what runs in the background: there a function is a process of its own, and $! would not be the server's.
inside() { ip netns exec "$@"; }

# Two hosts and the file

ip netns add "$a"
ip netns add "$b"
ip link add va netns "$a" type veth peer name vb netns "$b"
ip -n "$a" addr add "$address_a/24" dev va
ip -n "$b" addr add "$address_b/24" dev vb
for end in "$a lo" "$b lo" "$a va" "$b vb"; do
    ip -n "${end% *}" link set "${end#* }" up
done

head -c 16M /dev/urandom >"$folder/block"
for ((made = 0; made < bytes; made += 16 << 20)); do cat "$folder/block"; done >"$folder/file"
truncate -s "$bytes" "$folder/file"
rm "$folder/block"

# Servers

wait_for_port() { # NAMESPACE PORT PID
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        [[ -z $(inside "$1" ss -Hltn "sport = :$2") ]] || return 0
        kill -0 "$3" 2>/dev/null || fail "the server for port $2 ended"
        sleep 0.05
    done
    fail "nobody listens on port $2"
}

start_nginx() { # NAMESPACE
    # -e: before it reads the configuration, nginx would write to the system's log.
    mkdir "$folder/$1"
    cat >"$folder/$1/nginx.conf" <<END
daemon off; worker_processes 1; user root; pid $folder/$1/pid; error_log $folder/$1/error.log;
events {}
http {
    access_log off; sendfile on;
    client_body_temp_path $folder/$1/body; proxy_temp_path $folder/$1/proxy; fastcgi_temp_path $folder/$1/fastcgi;
    uwsgi_temp_path $folder/$1/uwsgi; scgi_temp_path $folder/$1/scgi;
    server { listen 8080; root $folder; }
}
END
    ip netns exec "$1" nginx -e "$folder/$1/error.log" -c "$folder/$1/nginx.conf" &
    wait_for_port "$1" 8080 $!
}

start_nginx "$a"
start_nginx "$b"
ip netns exec "$a" "$tcpkit" serve "$folder/file" -p 8081 -q &
serve=$!
wait_for_port "$a" 8081 "$serve"

# Runs

# The clock runs inside the namespace, so that the way into it does not count.
stopwatch='TIMEFORMAT="%U %S"; begin=$EPOCHREALTIME
    { time "$@" 2>&3; } 3>&2 2>"$0" || exit
    echo "$begin $EPOCHREALTIME" >>"$0"'

client() { # NAMESPACE COMMAND...; sets wall and cpu, in seconds
    # In the background, because bash does not look at signals before a command in the foreground ends.
    timeout 300 ip netns exec "$1" bash -c "$stopwatch" "$folder/times" "${@:2}" &
    wait $! || fail "failed: ${*:2}"
    read -r wall cpu < <(awk 'NR == 1 { cpu = $1 + $2 } END { printf "%.6f %.3f\n", $2 - $1, cpu }' "$folder/times")
}

serve_ticks() {
    local fields
    read -ra fields <"/proc/$serve/stat"
    echo $((fields[13] + fields[14])) # utime + stime; "tcpkit" has no blank that would shift them
}

round() { # FILE for the results: number, wall seconds, CPU seconds of tcpkit
    local curl=(curl -fsS -o /dev/null) before after
    client "$a" "${curl[@]}" "http://$address_b:8080/file"
    echo "1 $wall" >>"$1"
    client "$a" "$tcpkit" fetch -q -o /dev/null "http://$address_b:8080/file"
    echo "2 $wall $cpu" >>"$1"
    client "$b" "${curl[@]}" "http://$address_a:8080/file"
    echo "3 $wall" >>"$1"
    before=$(serve_ticks)
    client "$b" "${curl[@]}" "http://$address_a:8081/file"
    after=$(serve_ticks)
    echo "4 $wall $(awk "BEGIN { print ($after - $before) / $(getconf CLK_TCK) }")" >>"$1"
}

report() { # FILE OFFLOADS
    local number names=("" "nginx -> curl" "nginx -> tcpkit fetch" "nginx -> curl, from A" "tcpkit serve -> curl")
    for number in 1 2 3 4; do
        # Slowest first, so that the speeds rise.
        grep "^$number " "$1" | sort -k2,2gr | awk -v bytes="$bytes" -v offloads="$2" -v name="${names[number]}" '
            { speed[NR] = bytes * 8 / $2 / 1e9; wall += $2; cpu += $3 }
            END {
                median = (speed[int((NR + 1) / 2)] + speed[int(NR / 2) + 1]) / 2
                cores = NF == 3 ? sprintf("%.2f", cpu / wall) : "-"
                printf "%-9s %-22s %7.2f %7.2f %7.2f %7s\n", offloads, name, speed[1], median, speed[NR], cores
            }'
    done
}

all_offloads_off() {
    local end feature
    for end in "$a va" "$b vb"; do
        for feature in tso gso gro tx rx sg; do
            # Some kernels refuse some of them.
            inside "${end% *}" ethtool -K "${end#* }" "$feature" off >/dev/null 2>&1 || true
        done
    done
}

echo "$bytes bytes, $runs runs, $(nproc) CPUs, Linux $(uname -r)"
printf '%-9s %-22s %7s %7s %7s %7s\n' offloads Gbit/s min median max cores
for offloads in on off; do
    [[ $offloads == on ]] || all_offloads_off
    round /dev/null
    for ((run = 0; run < runs; run++)); do round "$folder/$offloads"; done
    report "$folder/$offloads" "$offloads"
done

# Afterwards

counter() { # NAMESPACE NAME, of /proc/net/snmp: a line of names, then a line of values
    inside "$1" awk -v name="$2" '
        $1 == "Tcp:" && !line++ { for (i = 2; i <= NF; i++) if ($i == name) column = i; next }
        $1 == "Tcp:" { print $column }' /proc/net/snmp
}

resets=$(counter "$a" OutRsts)
echo "A: OutRsts $resets   B: InCsumErrors $(counter "$b" InCsumErrors) InErrs $(counter "$b" InErrs)"
[[ $resets == 0 ]] || fail "A'S KERNEL SENT $resets RESETS. It must not answer for tcpkit's ports."
