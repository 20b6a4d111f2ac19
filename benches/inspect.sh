#!/usr/bin/env bash
# How fast `tcpkit inspect` is, beside what else reads captures.
#
#     cargo build --release && benches/inspect.sh [FOLDER] [RUNS]
#
# For each capture in FOLDER (/dev/shm/tcpkit-captures; benches/captures.sh makes it where it is missing, as root):
#
#     cat >/dev/null                what reading the bytes takes
#     tcpdump -r F -w /dev/null     libpcap's floor: every packet is read, and none looked at
#     tcptrace -n -l F              statistics of each connection
#     tshark -n -q -r F -z conv,tcp a table of connections, with all of Wireshark's analysis
#     tcpkit inspect F              both, and findings
#
# One round of all to warm up, then RUNS (5) rounds, so that a slow moment of the machine hits all. Told are medians of
# the wall time, start included, and of the peak of resident memory; MB are millions of bytes of the file.
#
# Needs GNU time (Debian's package time). Tools that are missing are left out, with a word. TCPKIT names another binary
# than target/release/tcpkit, TSHARK another than the one in PATH.
set -euo pipefail
export LC_ALL=C

cd "$(dirname "$0")/.."
folder=${1:-/dev/shm/tcpkit-captures} runs=${2:-5}
tcpkit=$(realpath -m "${TCPKIT:-target/release/tcpkit}") tshark=${TSHARK:-tshark}

fail() { echo "inspect.sh: $*" >&2; exit 1; }

[[ $# -le 2 && $runs =~ ^[1-9][0-9]*$ ]] || fail "usage: benches/inspect.sh [FOLDER] [RUNS]"
[[ -x $tcpkit ]] || fail "$tcpkit is missing: cargo build --release"
[[ -x /usr/bin/time ]] || fail "/usr/bin/time is missing: apt install time"
if [[ ! -e $folder ]]; then
    benches/captures.sh "$folder.part"
    mv "$folder.part" "$folder"
fi
captures=("$folder"/*.pcap)
[[ -e ${captures[0]} ]] || fail "no captures in $folder: benches/captures.sh makes them"

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

tools=()
for tool in cat tcpdump tcptrace "$tshark" "$tcpkit"; do
    if command -v "$tool" >/dev/null; then tools+=("$tool"); else echo "WITHOUT $tool, WHICH IS MISSING" >&2; fi
done

read_with() { # TOOL CAPTURE COMMAND...; the command is what measures
    case $1 in
        cat) "${@:3}" cat "$2" ;;
        tcpdump) "${@:3}" tcpdump -r "$2" -w /dev/null ;;
        tcptrace) "${@:3}" tcptrace -n -l "$2" ;;
        "$tshark") "${@:3}" "$tshark" -n -q -r "$2" -z conv,tcp ;;
        *) "${@:3}" "$tcpkit" inspect "$2" ;;
    esac >/dev/null 2>"$results/errors"
}

measure() { # TOOL CAPTURE FILE for the result: seconds, kilobytes
    local begin=$EPOCHREALTIME end
    read_with "$1" "$2" /usr/bin/time -f %M -o "$results/memory" || fail "$1 failed with $2: $(cat "$results/errors")"
    end=$EPOCHREALTIME
    awk -v begin="$begin" -v end="$end" '{ printf "%.6f %d\n", end - begin, $1 }' "$results/memory" >>"$3"
}

median() { # COLUMN FILE
    sort -k"$1,$1g" "$2" | awk -v column="$1" '
        { value[NR] = $column }
        END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

packets() { # CAPTURE
    "$tcpkit" inspect --json "$1" | sed -n '1s/.*"frames":\([0-9]*\),.*/\1/p'
}

echo "medians of $runs runs, $(nproc) CPUs, Linux $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg)"
for capture in "${captures[@]}"; do
    bytes=$(stat -Lc %s "$capture") packets=$(packets "$capture") name=$(basename "$capture" .pcap)
    printf '\n%-24s %9s %9s %9s %9s\n' "$name" seconds MB/s Mpacket/s "peak MB"
    for tool in "${tools[@]}"; do measure "$tool" "$capture" /dev/null; done
    for ((run = 0; run < runs; run++)); do
        for tool in "${tools[@]}"; do measure "$tool" "$capture" "$results/$name.$(basename "$tool")"; done
    done
    for tool in "${tools[@]}"; do
        file=$results/$name.$(basename "$tool")
        awk -v tool="$(basename "$tool")" -v seconds="$(median 1 "$file")" -v kilobytes="$(median 2 "$file")" \
            -v bytes="$bytes" -v packets="$packets" 'BEGIN {
                printf "  %-22s %9.3f %9.0f %9.2f %9.1f\n", tool, seconds, bytes / seconds / 1e6,
                    packets / seconds / 1e6, kilobytes * 1024 / 1e6 }'
    done
done
