# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tcpkit_global_optspecs
    string join \n v/verbose q/quiet color= json h/help V/version
end

function __fish_tcpkit_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tcpkit_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tcpkit_using_subcommand
    set -l cmd (__fish_tcpkit_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tcpkit -n "__fish_tcpkit_needs_command" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_needs_command" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "fetch" -d 'Get a file with our own TCP'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "serve" -d 'Serve a file, a folder or a small service with our own TCP'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "handshake" -d 'Knock, and show every segment'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "replay" -d 'Run packet scripts (packetdrill\'s notation) against our own TCP'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "inspect" -d 'Say what happened in a capture, and why'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "man" -d 'Print the manual page, or write all pages to a folder'
complete -c tcpkit -n "__fish_tcpkit_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s o -l output -d 'Write the result to PATH instead of standard output' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s H -l header -d 'Send this header, too' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l range -d 'Ask for these bytes only, such as 0-99, 100- or -100' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s C -l continue-at -d 'Go on where an earlier transfer stopped: at OFFSET, or with \'-\' at the length of what is there' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l max-time -d 'Give up after this long' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l connect-timeout -d 'Give up when the connection is not open after this long. Two SYNs that meet ICMP errors (no route, and the like) are enough in any case' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l app -d 'What is spoken over the connection' -r -f -a "http\t'HTTP/1.1'
raw\t'No protocol: standard input (or --data) is sent, what comes back is the result'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l data -d 'With --app raw: send TEXT, or the contents of @FILE, instead of standard input' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l link -d 'The link: the simulator for sim: targets, raw packets for all others' -r -f -a "auto\t'sim for sim: targets, else raw'
raw\t'This host\'s own addresses, beside the kernel (Linux, needs privilege)'
sim\t'A simulated wire in this process'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s i -l interface -d 'Use this interface only' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l local -d 'Use this address of ours' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l source-port -d 'Use this port of ours' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l ttl -d 'Send with this time to live' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l mtu -d 'Send IP packets of at most N bytes' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l linger -d 'Stay this long after the last FIN, so that the kernel does not reset a peer that sends its own again' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s w -l write -d 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l snaplen -d 'Keep at most N bytes of each packet in captures' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l write-peer -d 'Write what the other end of a simulated wire sees to a capture, too' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l drop -d 'Drop packets' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l duplicate -d 'Let packets arrive twice' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l corrupt -d 'Flip a bit of packets, behind the IP header (or in it, with ip: before the SPEC)' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l reorder -d 'Hold packets back until later ones have passed, or 100 ms' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l reorder-gap -d 'How many packets pass one that is held back' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l delay -d 'Let packets take this much longer each way, more or less by the second duration; in a simulation, the latency' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l link-rate -d 'Let packets pass at this rate each way' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l queue -d 'Let this many packets wait for their turn' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l seed -d 'Draw chances (and in a simulation everything) from this number; printed when not given' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l window-scale -d 'Offer this window scale, 0 to 14 [default: what the receive buffer needs]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l mss -d 'Announce and use at most this maximum segment size [default: what the MTU carries]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l ecn -d 'Explicit congestion notification [default: on]' -r -f -a "on\t'On'
off\t'Off'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l congestion -d 'Congestion control [default: cubic]' -r -f -a "reno\t'RFC 5681'
cubic\t'RFC 9438'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l initial-window -d 'Start with a congestion window of N segments [default: 10]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l nagle -d 'Nagle\'s algorithm: hold back small segments while data is unacknowledged [default: on; HTTP turns it off]' -r -f -a "on\t'On'
off\t'Off'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l delayed-ack -d 'Let an acknowledgment wait this long for company [default: 40ms]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l recv-buffer -d 'Fix the receive buffer, and with it the window [default: grows to 6MiB]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l send-buffer -d 'Keep at most this much to send or be acknowledged [default: 4MiB]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l rto-initial -d 'RTO before the first measurement [default: 1s]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l rto-min -d 'Smallest RTO [default: 200ms]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l rto-max -d 'Largest RTO [default: 120s]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l dupthresh -d 'Duplicate acknowledgments that mean loss [default: 3]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l syn-retries -d 'Send a SYN again N times before giving up [default: 6]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l retries -d 'Send data again N times before giving up [default: 15]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l user-timeout -d 'Give up when data stays unacknowledged this long' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l keepalive -d 'Ask an idle peer after this long whether it is still there' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l isn -d 'Start with this sequence number' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l peer -d 'In a simulation, the same for the other end: \'sack=off,congestion=reno\'' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s O -l remote-name -d 'Write the body to a file named as the last part of the URL\'s path'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l include -d 'Put the answer\'s head before the body'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s I -l head -d 'Ask for the head only, and print it'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s L -l location -d 'Follow redirects, ten at most'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s f -l fail -d 'Fail when the server answers with an error (400 and above): no output, exit code 22'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s 4 -l ipv4 -d 'Speak IPv4 only'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s 6 -l ipv6 -d 'Speak IPv6 only'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l sack -d 'Use selective acknowledgments, which is the default'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l no-sack -d 'Do not use selective acknowledgments'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l timestamps -d 'Use timestamps, which is the default'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l no-timestamps -d 'Do not use timestamps'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand fetch" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l app -d 'What is spoken over the connection' -r -f -a "http\t'Files over HTTP/1.1'
raw\t'A file as it stands, at once'
echo\t'Send back what comes (RFC 862)'
discard\t'Throw away what comes (RFC 863)'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s p -l port -d 'The port [default: 80; echo 7, discard 9]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l backlog -d 'Handshakes under way and connections not yet served, at most' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s c -l count -d 'Stop after N connections or frames' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l link -d 'The link: the simulator for sim: targets, raw packets for all others' -r -f -a "auto\t'sim for sim: targets, else raw'
raw\t'This host\'s own addresses, beside the kernel (Linux, needs privilege)'
sim\t'A simulated wire in this process'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s i -l interface -d 'Use this interface only' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l local -d 'Use this address of ours' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l source-port -d 'Use this port of ours' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l ttl -d 'Send with this time to live' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l mtu -d 'Send IP packets of at most N bytes' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l linger -d 'Stay this long after the last FIN, so that the kernel does not reset a peer that sends its own again' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s w -l write -d 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l snaplen -d 'Keep at most N bytes of each packet in captures' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l write-peer -d 'Write what the other end of a simulated wire sees to a capture, too' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l drop -d 'Drop packets' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l duplicate -d 'Let packets arrive twice' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l corrupt -d 'Flip a bit of packets, behind the IP header (or in it, with ip: before the SPEC)' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l reorder -d 'Hold packets back until later ones have passed, or 100 ms' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l reorder-gap -d 'How many packets pass one that is held back' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l delay -d 'Let packets take this much longer each way, more or less by the second duration; in a simulation, the latency' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l link-rate -d 'Let packets pass at this rate each way' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l queue -d 'Let this many packets wait for their turn' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l seed -d 'Draw chances (and in a simulation everything) from this number; printed when not given' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l window-scale -d 'Offer this window scale, 0 to 14 [default: what the receive buffer needs]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l mss -d 'Announce and use at most this maximum segment size [default: what the MTU carries]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l ecn -d 'Explicit congestion notification [default: on]' -r -f -a "on\t'On'
off\t'Off'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l congestion -d 'Congestion control [default: cubic]' -r -f -a "reno\t'RFC 5681'
cubic\t'RFC 9438'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l initial-window -d 'Start with a congestion window of N segments [default: 10]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l nagle -d 'Nagle\'s algorithm: hold back small segments while data is unacknowledged [default: on; HTTP turns it off]' -r -f -a "on\t'On'
off\t'Off'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l delayed-ack -d 'Let an acknowledgment wait this long for company [default: 40ms]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l recv-buffer -d 'Fix the receive buffer, and with it the window [default: grows to 6MiB]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l send-buffer -d 'Keep at most this much to send or be acknowledged [default: 4MiB]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l rto-initial -d 'RTO before the first measurement [default: 1s]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l rto-min -d 'Smallest RTO [default: 200ms]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l rto-max -d 'Largest RTO [default: 120s]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l dupthresh -d 'Duplicate acknowledgments that mean loss [default: 3]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l syn-retries -d 'Send a SYN again N times before giving up [default: 6]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l retries -d 'Send data again N times before giving up [default: 15]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l user-timeout -d 'Give up when data stays unacknowledged this long' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l keepalive -d 'Ask an idle peer after this long whether it is still there' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l isn -d 'Start with this sequence number' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l peer -d 'In a simulation, the same for the other end: \'sack=off,congestion=reno\'' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l once -d 'End after one connection'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s 4 -l ipv4 -d 'Speak IPv4 only'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s 6 -l ipv6 -d 'Speak IPv6 only'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l sack -d 'Use selective acknowledgments, which is the default'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l no-sack -d 'Do not use selective acknowledgments'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l timestamps -d 'Use timestamps, which is the default'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l no-timestamps -d 'Do not use timestamps'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand serve" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l connect-timeout -d 'Give up when the connection is not open after this long. Two SYNs that meet ICMP errors (no route, and the like) are enough in any case' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l link -d 'The link: the simulator for sim: targets, raw packets for all others' -r -f -a "auto\t'sim for sim: targets, else raw'
raw\t'This host\'s own addresses, beside the kernel (Linux, needs privilege)'
sim\t'A simulated wire in this process'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s i -l interface -d 'Use this interface only' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l local -d 'Use this address of ours' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l source-port -d 'Use this port of ours' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l ttl -d 'Send with this time to live' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l mtu -d 'Send IP packets of at most N bytes' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l linger -d 'Stay this long after the last FIN, so that the kernel does not reset a peer that sends its own again' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s w -l write -d 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l snaplen -d 'Keep at most N bytes of each packet in captures' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l write-peer -d 'Write what the other end of a simulated wire sees to a capture, too' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l drop -d 'Drop packets' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l duplicate -d 'Let packets arrive twice' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l corrupt -d 'Flip a bit of packets, behind the IP header (or in it, with ip: before the SPEC)' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l reorder -d 'Hold packets back until later ones have passed, or 100 ms' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l reorder-gap -d 'How many packets pass one that is held back' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l delay -d 'Let packets take this much longer each way, more or less by the second duration; in a simulation, the latency' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l link-rate -d 'Let packets pass at this rate each way' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l queue -d 'Let this many packets wait for their turn' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l seed -d 'Draw chances (and in a simulation everything) from this number; printed when not given' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l window-scale -d 'Offer this window scale, 0 to 14 [default: what the receive buffer needs]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l mss -d 'Announce and use at most this maximum segment size [default: what the MTU carries]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l ecn -d 'Explicit congestion notification [default: on]' -r -f -a "on\t'On'
off\t'Off'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l congestion -d 'Congestion control [default: cubic]' -r -f -a "reno\t'RFC 5681'
cubic\t'RFC 9438'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l initial-window -d 'Start with a congestion window of N segments [default: 10]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l nagle -d 'Nagle\'s algorithm: hold back small segments while data is unacknowledged [default: on; HTTP turns it off]' -r -f -a "on\t'On'
off\t'Off'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l delayed-ack -d 'Let an acknowledgment wait this long for company [default: 40ms]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l recv-buffer -d 'Fix the receive buffer, and with it the window [default: grows to 6MiB]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l send-buffer -d 'Keep at most this much to send or be acknowledged [default: 4MiB]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l rto-initial -d 'RTO before the first measurement [default: 1s]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l rto-min -d 'Smallest RTO [default: 200ms]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l rto-max -d 'Largest RTO [default: 120s]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l dupthresh -d 'Duplicate acknowledgments that mean loss [default: 3]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l syn-retries -d 'Send a SYN again N times before giving up [default: 6]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l retries -d 'Send data again N times before giving up [default: 15]' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l user-timeout -d 'Give up when data stays unacknowledged this long' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l keepalive -d 'Ask an idle peer after this long whether it is still there' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l isn -d 'Start with this sequence number' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l peer -d 'In a simulation, the same for the other end: \'sack=off,congestion=reno\'' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s 4 -l ipv4 -d 'Speak IPv4 only'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s 6 -l ipv6 -d 'Speak IPv6 only'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l sack -d 'Use selective acknowledgments, which is the default'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l no-sack -d 'Do not use selective acknowledgments'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l timestamps -d 'Use timestamps, which is the default'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l no-timestamps -d 'Do not use timestamps'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand handshake" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -l profile -d 'How our TCP behaves where RFCs leave room [default: what the script says, else rfc]' -r -f -a "rfc\t'What RFCs recommend'
linux\t'What Linux does'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -l ip-version -d 'Addresses: sockets and packets of IPv4, of IPv6, or IPv6 sockets that speak IPv4' -r -f -a "ipv4\t'IPv4 both'
ipv6\t'IPv6 both'
ipv4-mapped\t'IPv6 sockets, IPv4 packets'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -l mtu -d 'Send IP packets of at most N bytes' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -s D -l define -d 'Let a word of the scripts stand for a number, a word, a text in quotes or a command in back quotes' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -l isn -d 'Start with this sequence number' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -s w -l write -d 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -l ignore-commands -d 'Leave out commands that are not known, rather than refuse the script; no command is ever run'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand replay" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s r -l read -d 'Read packets from FILE (as tcpdump\'s -r)' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s i -l interface -d 'Use this interface only' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s Y -l filter -d 'Show what matches: addresses, ports, flags, numbers, analysis, in Wireshark\'s or tcpdump\'s words' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l flow -d 'Everything about one connection, by its number' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l hex -d 'One frame, taken apart, with its bytes' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l follow -d 'The bytes of one connection, or of all: files N-a.bin and N-b.bin' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s o -l output -d 'Write the result to PATH instead of standard output' -r -F
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l sort -d 'Sort flows by this' -r -f -a "bytes\t'Payload, the most first'
packets\t'Packets, the most first'
duration\t'Length in time, the longest first'
retransmissions\t'Retransmissions, the most first'
rtt\t'Median round trip, the longest first'
stream\t'Number of the stream: the order in which they began'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l top -d 'Show this many flows; 0 for all' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l max-flows -d 'Keep at most N connections; the least interesting of more are only counted' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s c -l count -d 'Stop after N connections or frames' -r
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l packets -d 'A line for every segment'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l csv -d 'Write comma-separated values: flows with all their counts, or with --packets segments'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l strict -d 'Exit with 1 when there are findings above a note'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand inspect" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand completions" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand completions" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand completions" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand completions" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand completions" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand man" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c tcpkit -n "__fish_tcpkit_using_subcommand man" -s v -l verbose -d 'Print every segment as it passes, in tcpdump\'s words; twice: what the state machine made of it, too'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand man" -s q -l quiet -d 'Print nothing but results and errors'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand man" -l json -d 'Print the summary as one JSON object per line'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand man" -s V -l version -d 'Print version'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "fetch" -d 'Get a file with our own TCP'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "serve" -d 'Serve a file, a folder or a small service with our own TCP'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "handshake" -d 'Knock, and show every segment'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "replay" -d 'Run packet scripts (packetdrill\'s notation) against our own TCP'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "inspect" -d 'Say what happened in a capture, and why'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "man" -d 'Print the manual page, or write all pages to a folder'
complete -c tcpkit -n "__fish_tcpkit_using_subcommand help; and not __fish_seen_subcommand_from fetch serve handshake replay inspect completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
