
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'tcpkit' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'tcpkit'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'tcpkit' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('fetch', 'fetch', [CompletionResultType]::ParameterValue, 'Get a file with our own TCP')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve a file, a folder or a small service with our own TCP')
            [CompletionResult]::new('handshake', 'handshake', [CompletionResultType]::ParameterValue, 'Knock, and show every segment')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Run packet scripts (packetdrill''s notation) against our own TCP')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Say what happened in a capture, and why')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page, or write all pages to a folder')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'tcpkit;fetch' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the result to PATH instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the result to PATH instead of standard output')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Send this header, too')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Send this header, too')
            [CompletionResult]::new('--range', '--range', [CompletionResultType]::ParameterName, 'Ask for these bytes only, such as 0-99, 100- or -100')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Go on where an earlier transfer stopped: at OFFSET, or with ''-'' at the length of what is there')
            [CompletionResult]::new('--continue-at', '--continue-at', [CompletionResultType]::ParameterName, 'Go on where an earlier transfer stopped: at OFFSET, or with ''-'' at the length of what is there')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Give up after this long')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up when the connection is not open after this long. Two SYNs that meet ICMP errors (no route, and the like) are enough in any case')
            [CompletionResult]::new('--app', '--app', [CompletionResultType]::ParameterName, 'What is spoken over the connection')
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'With --app raw: send TEXT, or the contents of @FILE, instead of standard input')
            [CompletionResult]::new('--link', '--link', [CompletionResultType]::ParameterName, 'The link: the simulator for sim: targets, raw packets for all others')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'Use this address of ours')
            [CompletionResult]::new('--source-port', '--source-port', [CompletionResultType]::ParameterName, 'Use this port of ours')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Send with this time to live')
            [CompletionResult]::new('--mtu', '--mtu', [CompletionResultType]::ParameterName, 'Send IP packets of at most N bytes')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Stay this long after the last FIN, so that the kernel does not reset a peer that sends its own again')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--snaplen', '--snaplen', [CompletionResultType]::ParameterName, 'Keep at most N bytes of each packet in captures')
            [CompletionResult]::new('--write-peer', '--write-peer', [CompletionResultType]::ParameterName, 'Write what the other end of a simulated wire sees to a capture, too')
            [CompletionResult]::new('--drop', '--drop', [CompletionResultType]::ParameterName, 'Drop packets')
            [CompletionResult]::new('--duplicate', '--duplicate', [CompletionResultType]::ParameterName, 'Let packets arrive twice')
            [CompletionResult]::new('--corrupt', '--corrupt', [CompletionResultType]::ParameterName, 'Flip a bit of packets, behind the IP header (or in it, with ip: before the SPEC)')
            [CompletionResult]::new('--reorder', '--reorder', [CompletionResultType]::ParameterName, 'Hold packets back until later ones have passed, or 100 ms')
            [CompletionResult]::new('--reorder-gap', '--reorder-gap', [CompletionResultType]::ParameterName, 'How many packets pass one that is held back')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Let packets take this much longer each way, more or less by the second duration; in a simulation, the latency')
            [CompletionResult]::new('--link-rate', '--link-rate', [CompletionResultType]::ParameterName, 'Let packets pass at this rate each way')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'Let this many packets wait for their turn')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Draw chances (and in a simulation everything) from this number; printed when not given')
            [CompletionResult]::new('--window-scale', '--window-scale', [CompletionResultType]::ParameterName, 'Offer this window scale, 0 to 14 [default: what the receive buffer needs]')
            [CompletionResult]::new('--mss', '--mss', [CompletionResultType]::ParameterName, 'Announce and use at most this maximum segment size [default: what the MTU carries]')
            [CompletionResult]::new('--ecn', '--ecn', [CompletionResultType]::ParameterName, 'Explicit congestion notification [default: on]')
            [CompletionResult]::new('--congestion', '--congestion', [CompletionResultType]::ParameterName, 'Congestion control [default: cubic]')
            [CompletionResult]::new('--initial-window', '--initial-window', [CompletionResultType]::ParameterName, 'Start with a congestion window of N segments [default: 10]')
            [CompletionResult]::new('--nagle', '--nagle', [CompletionResultType]::ParameterName, 'Nagle''s algorithm: hold back small segments while data is unacknowledged [default: on; HTTP turns it off]')
            [CompletionResult]::new('--delayed-ack', '--delayed-ack', [CompletionResultType]::ParameterName, 'Let an acknowledgment wait this long for company [default: 40ms]')
            [CompletionResult]::new('--recv-buffer', '--recv-buffer', [CompletionResultType]::ParameterName, 'Fix the receive buffer, and with it the window [default: grows to 6MiB]')
            [CompletionResult]::new('--send-buffer', '--send-buffer', [CompletionResultType]::ParameterName, 'Keep at most this much to send or be acknowledged [default: 4MiB]')
            [CompletionResult]::new('--rto-initial', '--rto-initial', [CompletionResultType]::ParameterName, 'RTO before the first measurement [default: 1s]')
            [CompletionResult]::new('--rto-min', '--rto-min', [CompletionResultType]::ParameterName, 'Smallest RTO [default: 200ms]')
            [CompletionResult]::new('--rto-max', '--rto-max', [CompletionResultType]::ParameterName, 'Largest RTO [default: 120s]')
            [CompletionResult]::new('--dupthresh', '--dupthresh', [CompletionResultType]::ParameterName, 'Duplicate acknowledgments that mean loss [default: 3]')
            [CompletionResult]::new('--syn-retries', '--syn-retries', [CompletionResultType]::ParameterName, 'Send a SYN again N times before giving up [default: 6]')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Send data again N times before giving up [default: 15]')
            [CompletionResult]::new('--user-timeout', '--user-timeout', [CompletionResultType]::ParameterName, 'Give up when data stays unacknowledged this long')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask an idle peer after this long whether it is still there')
            [CompletionResult]::new('--isn', '--isn', [CompletionResultType]::ParameterName, 'Start with this sequence number')
            [CompletionResult]::new('--peer', '--peer', [CompletionResultType]::ParameterName, 'In a simulation, the same for the other end: ''sack=off,congestion=reno''')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('-O', '-O ', [CompletionResultType]::ParameterName, 'Write the body to a file named as the last part of the URL''s path')
            [CompletionResult]::new('--remote-name', '--remote-name', [CompletionResultType]::ParameterName, 'Write the body to a file named as the last part of the URL''s path')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Put the answer''s head before the body')
            [CompletionResult]::new('-I', '-I ', [CompletionResultType]::ParameterName, 'Ask for the head only, and print it')
            [CompletionResult]::new('--head', '--head', [CompletionResultType]::ParameterName, 'Ask for the head only, and print it')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Follow redirects, ten at most')
            [CompletionResult]::new('--location', '--location', [CompletionResultType]::ParameterName, 'Follow redirects, ten at most')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Fail when the server answers with an error (400 and above): no output, exit code 22')
            [CompletionResult]::new('--fail', '--fail', [CompletionResultType]::ParameterName, 'Fail when the server answers with an error (400 and above): no output, exit code 22')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Speak IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Speak IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Speak IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Speak IPv6 only')
            [CompletionResult]::new('--sack', '--sack', [CompletionResultType]::ParameterName, 'Use selective acknowledgments, which is the default')
            [CompletionResult]::new('--no-sack', '--no-sack', [CompletionResultType]::ParameterName, 'Do not use selective acknowledgments')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Use timestamps, which is the default')
            [CompletionResult]::new('--no-timestamps', '--no-timestamps', [CompletionResultType]::ParameterName, 'Do not use timestamps')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'tcpkit;serve' {
            [CompletionResult]::new('--app', '--app', [CompletionResultType]::ParameterName, 'What is spoken over the connection')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The port [default: 80; echo 7, discard 9]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'The port [default: 80; echo 7, discard 9]')
            [CompletionResult]::new('--backlog', '--backlog', [CompletionResultType]::ParameterName, 'Handshakes under way and connections not yet served, at most')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N connections or frames')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N connections or frames')
            [CompletionResult]::new('--link', '--link', [CompletionResultType]::ParameterName, 'The link: the simulator for sim: targets, raw packets for all others')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'Use this address of ours')
            [CompletionResult]::new('--source-port', '--source-port', [CompletionResultType]::ParameterName, 'Use this port of ours')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Send with this time to live')
            [CompletionResult]::new('--mtu', '--mtu', [CompletionResultType]::ParameterName, 'Send IP packets of at most N bytes')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Stay this long after the last FIN, so that the kernel does not reset a peer that sends its own again')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--snaplen', '--snaplen', [CompletionResultType]::ParameterName, 'Keep at most N bytes of each packet in captures')
            [CompletionResult]::new('--write-peer', '--write-peer', [CompletionResultType]::ParameterName, 'Write what the other end of a simulated wire sees to a capture, too')
            [CompletionResult]::new('--drop', '--drop', [CompletionResultType]::ParameterName, 'Drop packets')
            [CompletionResult]::new('--duplicate', '--duplicate', [CompletionResultType]::ParameterName, 'Let packets arrive twice')
            [CompletionResult]::new('--corrupt', '--corrupt', [CompletionResultType]::ParameterName, 'Flip a bit of packets, behind the IP header (or in it, with ip: before the SPEC)')
            [CompletionResult]::new('--reorder', '--reorder', [CompletionResultType]::ParameterName, 'Hold packets back until later ones have passed, or 100 ms')
            [CompletionResult]::new('--reorder-gap', '--reorder-gap', [CompletionResultType]::ParameterName, 'How many packets pass one that is held back')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Let packets take this much longer each way, more or less by the second duration; in a simulation, the latency')
            [CompletionResult]::new('--link-rate', '--link-rate', [CompletionResultType]::ParameterName, 'Let packets pass at this rate each way')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'Let this many packets wait for their turn')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Draw chances (and in a simulation everything) from this number; printed when not given')
            [CompletionResult]::new('--window-scale', '--window-scale', [CompletionResultType]::ParameterName, 'Offer this window scale, 0 to 14 [default: what the receive buffer needs]')
            [CompletionResult]::new('--mss', '--mss', [CompletionResultType]::ParameterName, 'Announce and use at most this maximum segment size [default: what the MTU carries]')
            [CompletionResult]::new('--ecn', '--ecn', [CompletionResultType]::ParameterName, 'Explicit congestion notification [default: on]')
            [CompletionResult]::new('--congestion', '--congestion', [CompletionResultType]::ParameterName, 'Congestion control [default: cubic]')
            [CompletionResult]::new('--initial-window', '--initial-window', [CompletionResultType]::ParameterName, 'Start with a congestion window of N segments [default: 10]')
            [CompletionResult]::new('--nagle', '--nagle', [CompletionResultType]::ParameterName, 'Nagle''s algorithm: hold back small segments while data is unacknowledged [default: on; HTTP turns it off]')
            [CompletionResult]::new('--delayed-ack', '--delayed-ack', [CompletionResultType]::ParameterName, 'Let an acknowledgment wait this long for company [default: 40ms]')
            [CompletionResult]::new('--recv-buffer', '--recv-buffer', [CompletionResultType]::ParameterName, 'Fix the receive buffer, and with it the window [default: grows to 6MiB]')
            [CompletionResult]::new('--send-buffer', '--send-buffer', [CompletionResultType]::ParameterName, 'Keep at most this much to send or be acknowledged [default: 4MiB]')
            [CompletionResult]::new('--rto-initial', '--rto-initial', [CompletionResultType]::ParameterName, 'RTO before the first measurement [default: 1s]')
            [CompletionResult]::new('--rto-min', '--rto-min', [CompletionResultType]::ParameterName, 'Smallest RTO [default: 200ms]')
            [CompletionResult]::new('--rto-max', '--rto-max', [CompletionResultType]::ParameterName, 'Largest RTO [default: 120s]')
            [CompletionResult]::new('--dupthresh', '--dupthresh', [CompletionResultType]::ParameterName, 'Duplicate acknowledgments that mean loss [default: 3]')
            [CompletionResult]::new('--syn-retries', '--syn-retries', [CompletionResultType]::ParameterName, 'Send a SYN again N times before giving up [default: 6]')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Send data again N times before giving up [default: 15]')
            [CompletionResult]::new('--user-timeout', '--user-timeout', [CompletionResultType]::ParameterName, 'Give up when data stays unacknowledged this long')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask an idle peer after this long whether it is still there')
            [CompletionResult]::new('--isn', '--isn', [CompletionResultType]::ParameterName, 'Start with this sequence number')
            [CompletionResult]::new('--peer', '--peer', [CompletionResultType]::ParameterName, 'In a simulation, the same for the other end: ''sack=off,congestion=reno''')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'End after one connection')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Speak IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Speak IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Speak IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Speak IPv6 only')
            [CompletionResult]::new('--sack', '--sack', [CompletionResultType]::ParameterName, 'Use selective acknowledgments, which is the default')
            [CompletionResult]::new('--no-sack', '--no-sack', [CompletionResultType]::ParameterName, 'Do not use selective acknowledgments')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Use timestamps, which is the default')
            [CompletionResult]::new('--no-timestamps', '--no-timestamps', [CompletionResultType]::ParameterName, 'Do not use timestamps')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'tcpkit;handshake' {
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up when the connection is not open after this long. Two SYNs that meet ICMP errors (no route, and the like) are enough in any case')
            [CompletionResult]::new('--link', '--link', [CompletionResultType]::ParameterName, 'The link: the simulator for sim: targets, raw packets for all others')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'Use this address of ours')
            [CompletionResult]::new('--source-port', '--source-port', [CompletionResultType]::ParameterName, 'Use this port of ours')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Send with this time to live')
            [CompletionResult]::new('--mtu', '--mtu', [CompletionResultType]::ParameterName, 'Send IP packets of at most N bytes')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Stay this long after the last FIN, so that the kernel does not reset a peer that sends its own again')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--snaplen', '--snaplen', [CompletionResultType]::ParameterName, 'Keep at most N bytes of each packet in captures')
            [CompletionResult]::new('--write-peer', '--write-peer', [CompletionResultType]::ParameterName, 'Write what the other end of a simulated wire sees to a capture, too')
            [CompletionResult]::new('--drop', '--drop', [CompletionResultType]::ParameterName, 'Drop packets')
            [CompletionResult]::new('--duplicate', '--duplicate', [CompletionResultType]::ParameterName, 'Let packets arrive twice')
            [CompletionResult]::new('--corrupt', '--corrupt', [CompletionResultType]::ParameterName, 'Flip a bit of packets, behind the IP header (or in it, with ip: before the SPEC)')
            [CompletionResult]::new('--reorder', '--reorder', [CompletionResultType]::ParameterName, 'Hold packets back until later ones have passed, or 100 ms')
            [CompletionResult]::new('--reorder-gap', '--reorder-gap', [CompletionResultType]::ParameterName, 'How many packets pass one that is held back')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Let packets take this much longer each way, more or less by the second duration; in a simulation, the latency')
            [CompletionResult]::new('--link-rate', '--link-rate', [CompletionResultType]::ParameterName, 'Let packets pass at this rate each way')
            [CompletionResult]::new('--queue', '--queue', [CompletionResultType]::ParameterName, 'Let this many packets wait for their turn')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Draw chances (and in a simulation everything) from this number; printed when not given')
            [CompletionResult]::new('--window-scale', '--window-scale', [CompletionResultType]::ParameterName, 'Offer this window scale, 0 to 14 [default: what the receive buffer needs]')
            [CompletionResult]::new('--mss', '--mss', [CompletionResultType]::ParameterName, 'Announce and use at most this maximum segment size [default: what the MTU carries]')
            [CompletionResult]::new('--ecn', '--ecn', [CompletionResultType]::ParameterName, 'Explicit congestion notification [default: on]')
            [CompletionResult]::new('--congestion', '--congestion', [CompletionResultType]::ParameterName, 'Congestion control [default: cubic]')
            [CompletionResult]::new('--initial-window', '--initial-window', [CompletionResultType]::ParameterName, 'Start with a congestion window of N segments [default: 10]')
            [CompletionResult]::new('--nagle', '--nagle', [CompletionResultType]::ParameterName, 'Nagle''s algorithm: hold back small segments while data is unacknowledged [default: on; HTTP turns it off]')
            [CompletionResult]::new('--delayed-ack', '--delayed-ack', [CompletionResultType]::ParameterName, 'Let an acknowledgment wait this long for company [default: 40ms]')
            [CompletionResult]::new('--recv-buffer', '--recv-buffer', [CompletionResultType]::ParameterName, 'Fix the receive buffer, and with it the window [default: grows to 6MiB]')
            [CompletionResult]::new('--send-buffer', '--send-buffer', [CompletionResultType]::ParameterName, 'Keep at most this much to send or be acknowledged [default: 4MiB]')
            [CompletionResult]::new('--rto-initial', '--rto-initial', [CompletionResultType]::ParameterName, 'RTO before the first measurement [default: 1s]')
            [CompletionResult]::new('--rto-min', '--rto-min', [CompletionResultType]::ParameterName, 'Smallest RTO [default: 200ms]')
            [CompletionResult]::new('--rto-max', '--rto-max', [CompletionResultType]::ParameterName, 'Largest RTO [default: 120s]')
            [CompletionResult]::new('--dupthresh', '--dupthresh', [CompletionResultType]::ParameterName, 'Duplicate acknowledgments that mean loss [default: 3]')
            [CompletionResult]::new('--syn-retries', '--syn-retries', [CompletionResultType]::ParameterName, 'Send a SYN again N times before giving up [default: 6]')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Send data again N times before giving up [default: 15]')
            [CompletionResult]::new('--user-timeout', '--user-timeout', [CompletionResultType]::ParameterName, 'Give up when data stays unacknowledged this long')
            [CompletionResult]::new('--keepalive', '--keepalive', [CompletionResultType]::ParameterName, 'Ask an idle peer after this long whether it is still there')
            [CompletionResult]::new('--isn', '--isn', [CompletionResultType]::ParameterName, 'Start with this sequence number')
            [CompletionResult]::new('--peer', '--peer', [CompletionResultType]::ParameterName, 'In a simulation, the same for the other end: ''sack=off,congestion=reno''')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Speak IPv4 only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Speak IPv4 only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Speak IPv6 only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Speak IPv6 only')
            [CompletionResult]::new('--sack', '--sack', [CompletionResultType]::ParameterName, 'Use selective acknowledgments, which is the default')
            [CompletionResult]::new('--no-sack', '--no-sack', [CompletionResultType]::ParameterName, 'Do not use selective acknowledgments')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Use timestamps, which is the default')
            [CompletionResult]::new('--no-timestamps', '--no-timestamps', [CompletionResultType]::ParameterName, 'Do not use timestamps')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'tcpkit;replay' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'How our TCP behaves where RFCs leave room [default: what the script says, else rfc]')
            [CompletionResult]::new('--ip-version', '--ip-version', [CompletionResultType]::ParameterName, 'Addresses: sockets and packets of IPv4, of IPv6, or IPv6 sockets that speak IPv4')
            [CompletionResult]::new('--mtu', '--mtu', [CompletionResultType]::ParameterName, 'Send IP packets of at most N bytes')
            [CompletionResult]::new('-D', '-D ', [CompletionResultType]::ParameterName, 'Let a word of the scripts stand for a number, a word, a text in quotes or a command in back quotes')
            [CompletionResult]::new('--define', '--define', [CompletionResultType]::ParameterName, 'Let a word of the scripts stand for a number, a word, a text in quotes or a command in back quotes')
            [CompletionResult]::new('--isn', '--isn', [CompletionResultType]::ParameterName, 'Start with this sequence number')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Write a capture of the run: .pcap, .pcapng (with comments), or - for pcapng on standard output')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('--ignore-commands', '--ignore-commands', [CompletionResultType]::ParameterName, 'Leave out commands that are not known, rather than refuse the script; no command is ever run')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'tcpkit;inspect' {
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Read packets from FILE (as tcpdump''s -r)')
            [CompletionResult]::new('--read', '--read', [CompletionResultType]::ParameterName, 'Read packets from FILE (as tcpdump''s -r)')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Use this interface only')
            [CompletionResult]::new('-Y', '-Y ', [CompletionResultType]::ParameterName, 'Show what matches: addresses, ports, flags, numbers, analysis, in Wireshark''s or tcpdump''s words')
            [CompletionResult]::new('--filter', '--filter', [CompletionResultType]::ParameterName, 'Show what matches: addresses, ports, flags, numbers, analysis, in Wireshark''s or tcpdump''s words')
            [CompletionResult]::new('--flow', '--flow', [CompletionResultType]::ParameterName, 'Everything about one connection, by its number')
            [CompletionResult]::new('--hex', '--hex', [CompletionResultType]::ParameterName, 'One frame, taken apart, with its bytes')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'The bytes of one connection, or of all: files N-a.bin and N-b.bin')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the result to PATH instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the result to PATH instead of standard output')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort flows by this')
            [CompletionResult]::new('--top', '--top', [CompletionResultType]::ParameterName, 'Show this many flows; 0 for all')
            [CompletionResult]::new('--max-flows', '--max-flows', [CompletionResultType]::ParameterName, 'Keep at most N connections; the least interesting of more are only counted')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Stop after N connections or frames')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N connections or frames')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('--packets', '--packets', [CompletionResultType]::ParameterName, 'A line for every segment')
            [CompletionResult]::new('--csv', '--csv', [CompletionResultType]::ParameterName, 'Write comma-separated values: flows with all their counts, or with --packets segments')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 1 when there are findings above a note')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'tcpkit;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'tcpkit;man' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour the output')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print every segment as it passes, in tcpdump''s words; twice: what the state machine made of it, too')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results and errors')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the summary as one JSON object per line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'tcpkit;help' {
            [CompletionResult]::new('fetch', 'fetch', [CompletionResultType]::ParameterValue, 'Get a file with our own TCP')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve a file, a folder or a small service with our own TCP')
            [CompletionResult]::new('handshake', 'handshake', [CompletionResultType]::ParameterValue, 'Knock, and show every segment')
            [CompletionResult]::new('replay', 'replay', [CompletionResultType]::ParameterValue, 'Run packet scripts (packetdrill''s notation) against our own TCP')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Say what happened in a capture, and why')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page, or write all pages to a folder')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'tcpkit;help;fetch' {
            break
        }
        'tcpkit;help;serve' {
            break
        }
        'tcpkit;help;handshake' {
            break
        }
        'tcpkit;help;replay' {
            break
        }
        'tcpkit;help;inspect' {
            break
        }
        'tcpkit;help;completions' {
            break
        }
        'tcpkit;help;man' {
            break
        }
        'tcpkit;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
