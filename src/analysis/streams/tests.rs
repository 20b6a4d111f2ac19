//! Connections at rest are the same as connections in use, small, and few enough.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::analysis::exchange::{Packet, a, at, b, offer, opened, packet};
use crate::analysis::findings::of_connection;
use crate::analysis::sequence::{Marks, Verdict};
use crate::time::Time;
use crate::wire::TcpOption;

/// A segment of a random exchange: mostly what TCP would send, sometimes anything.
#[derive(Clone, Debug)]
struct Random {
    side: bool,
    gap: f64,
    seq: u32,
    ack: u32,
    flags: &'static str,
    len: u32,
    window: u16,
    sack: Option<(u32, u32)>,
    timestamps: bool,
}

fn random() -> impl Strategy<Value = Random> {
    let flags = prop_oneof![12 => Just("A"), 3 => Just("PA"), 1 => Just("FA"), 1 => Just("S"), 1 => Just("SA"), 1 => Just("RA"), 1 => Just("R")];
    let len = prop_oneof![Just(0u32), Just(1), Just(100), Just(1460)];
    let window = prop_oneof![1 => Just(0u16), 6 => Just(20_000), 2 => 1u16..3000];
    let gap = prop_oneof![Just(0.05), Just(2.0), Just(15.0), Just(50.0), Just(400.0)];
    let sack = prop::option::weighted(0.2, (0u32..40, 1u32..4));
    let fields = (any::<bool>(), gap, 0u32..40, 0u32..40, flags, len, window, sack, any::<bool>());
    fields.prop_map(|(side, gap, seq, ack, flags, len, window, sack, timestamps)| Random {
        side,
        gap,
        seq: seq * 100,
        ack: ack * 100,
        flags,
        len,
        window,
        sack,
        timestamps,
    })
}

/// Random segments behind a handshake, or from the middle.
fn exchange() -> impl Strategy<Value = Vec<Packet>> {
    (any::<bool>(), prop::collection::vec(random(), 1..60)).prop_map(|(middle, all)| {
        let mut packets = if middle { Vec::new() } else { opened([]) };
        let mut now = 20.0;
        for random in all {
            now += random.gap;
            let side = if random.side { Side::A } else { Side::B };
            let mut next =
                packet(side, now, 1 + random.seq, 1 + random.ack, random.flags, random.len).window(random.window);
            if random.flags.contains('S') {
                next = offer(next);
            } else if random.timestamps {
                next = next.timestamps(now as u32, 5);
            } else if let Some((left, blocks)) = random.sack {
                next = next.sack(&[(1 + left * 100, 1 + (left + blocks) * 100)]);
            }
            packets.push(next);
        }
        packets
    })
}

fn pack(connection: &Connection) -> Box<[u8]> {
    Packer::default().pack(&mut connection.clone())
}

/// The largest record of a connection at rest.
fn largest_at_rest(streams: &Streams) -> usize {
    let sizes = streams.slots.iter().map(|slot| match &slot.state {
        State::Resting(bytes) => bytes.len(),
        State::Ready(_) | State::Free => 0,
    });
    sizes.max().unwrap_or(0)
}

/// What is found, without the frames that prove it.
fn told(connection: &Connection, end: Time) -> Vec<(findings::Severity, &'static str, String)> {
    let findings = of_connection(connection, end);
    findings.into_iter().map(|finding| (finding.severity, finding.kind, finding.text)).collect()
}

fn postcard(connection: &Connection) -> Vec<u8> {
    postcard::to_allocvec(connection).unwrap()
}

proptest! {
    #[test]
    fn a_connection_that_rests_between_segments_is_judged_as_one_that_never_rests(packets in exchange(), rests in any::<u64>()) {
        let mut awake = Connection::new(7, &packets[0].segment(1));
        let mut sleepy = awake.clone();
        let mut tightened = false;
        for (packet, frame) in packets.iter().zip(1..) {
            let segment = packet.segment(frame);
            let side = awake.side_of(Address { ip: segment.src, port: segment.header.src_port });
            prop_assert_eq!(awake.on_segment(side, &segment, false), sleepy.on_segment(side, &segment, false));
            if rests >> (frame % 64) & 1 == 1 {
                sleepy = unpack(&pack(&sleepy)).unwrap();
                tightened |= sleepy.is_over();
            }
        }
        let end = packets.last().unwrap().time;
        prop_assert_eq!(awake.tally.rows(), sleepy.tally.rows());
        prop_assert_eq!(told(&awake, end), told(&sleepy, end));
        // One that was over, and not small, has given up evidence.
        prop_assert!(tightened || postcard(&awake) == postcard(&sleepy));
    }

    #[test]
    fn a_connection_that_is_over_has_the_same_findings_and_counts_at_rest(packets in exchange()) {
        let mut connection = Connection::new(7, &packets[0].segment(1));
        for (packet, frame) in packets.iter().zip(1..) {
            connection.on_segment(packet.side, &packet.segment(frame), false);
        }
        let end = packets.last().unwrap().time;
        let mut resting = connection.clone();
        resting.rest();
        let resting = unpack(&pack(&resting)).unwrap();
        prop_assert_eq!(connection.tally.rows(), resting.tally.rows());
        prop_assert_eq!(told(&connection, end), told(&resting, end));
        prop_assert_eq!(connection.history.letters(), resting.history.letters());
    }

    #[test]
    fn a_late_segment_after_the_end_is_judged_alike_once_the_connection_rested(packets in exchange(), late in random()) {
        let mut awake = Connection::new(7, &packets[0].segment(1));
        for (packet, frame) in packets.iter().zip(1..) {
            awake.on_segment(packet.side, &packet.segment(frame), false);
        }
        prop_assume!(awake.is_over());
        let mut rested = awake.clone();
        rested.rest();
        let mut rested = unpack(&pack(&rested)).unwrap();
        let now = (packets.last().unwrap().time.as_nanos() - at(0.0).as_nanos()) as f64 / 1e6 + 1000.0;
        let side = if late.side { Side::A } else { Side::B };
        let late = packet(side, now, 1 + late.seq, 1 + late.ack, "A", late.len);
        let (one, _) = awake.on_segment(side, &late.segment(1000), false);
        let (other, _) = rested.on_segment(side, &late.segment(1000), false);
        // When something was sent is forgotten, and where segments began; whether it was sent is not.
        prop_assert_eq!(one.marks.without(Marks::PARTIAL_ACK), other.marks.without(Marks::PARTIAL_ACK));
    }

    #[test]
    fn what_is_packed_reads_back_whatever_runs_of_zeros_it_has(runs in prop::collection::vec(0u64..400, 0..8)) {
        // Numbers of a connection are zero for long stretches; here also at every length around the run's limit.
        let mut connection = Connection::new(0, &a(0.0, 0, 0, "S", 0).segment(1));
        for (at, run) in runs.iter().enumerate() {
            connection.courses[at % 2].bytes = *run << (at * 7);
        }
        let packed = pack(&connection);
        prop_assert!(postcard(&unpack(&packed).unwrap()) == postcard(&connection));
    }
}

#[test]
fn damaged_bytes_are_no_connection_and_no_panic() {
    let connection = Connection::new(0, &a(0.0, 0, 0, "S", 0).segment(1));
    let packed = pack(&connection);
    for cut in 0..packed.len() {
        let _ = unpack(&packed[..cut]);
    }
    assert!(unpack(&[]).is_none());
}

/// The verdicts of `count` connections whose segments alternate: each does the same.
fn interleaved(count: u32, story: &[Packet]) -> (Streams, Vec<Vec<Verdict>>) {
    let mut streams = Streams::new(count as usize);
    let mut verdicts = vec![Vec::new(); count as usize];
    let mut frame = 0;
    for packet in story {
        for number in 0..count {
            frame += 1;
            let packet = packet.clone().port(1000 + number as u16);
            let segment = packet.segment(frame);
            let place = streams.place(&segment);
            assert_eq!(place.connection.stream, number);
            let (side, reused) = (place.side, place.reused);
            assert_eq!((side, reused), (packet.side, false));
            verdicts[number as usize].push(place.connection.on_segment(side, &segment, reused).0);
        }
    }
    (streams, verdicts)
}

#[test]
fn many_connections_at_once_are_judged_as_one_alone() {
    let story = lossy(3, 60);
    let (_, alone) = interleaved(1, &story);
    let count = READY as u32 + 300;
    let (streams, together) = interleaved(count, &story);
    assert!(streams.most_ready > READY, "so many are busy that more are kept ready");
    // Frames differ; what is said does not.
    let said =
        |verdict: &Verdict| (verdict.marks, verdict.round_trip, verdict.unseen, verdict.bytes_in_flight, verdict.dsack);
    let expected: Vec<_> = alone[0].iter().map(said).collect();
    for (number, verdicts) in together.iter().enumerate() {
        assert_eq!(verdicts.iter().map(said).collect::<Vec<_>>(), expected, "connection {number}");
    }
    let mut rows = None;
    streams.for_each(|connection| {
        let these = connection.tally.rows();
        assert_eq!(*rows.get_or_insert_with(|| these.clone()), these);
    });
}

/// A transfer of A with everything that goes wrong: losses, repairs, duplicates, closed windows, reordering, keep-alives.
fn lossy(seed: u32, rounds: u32) -> Vec<Packet> {
    let (mut now, mut next, mut dice) = (20.0, 1, seed);
    let mut throw = |sides: u32| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (dice >> 8) % sides
    };
    let scaled = |packet: Packet| offer(packet).timestamps(1, 0).option(TcpOption::WindowScale(5));
    let mut packets = vec![
        scaled(a(0.0, 0, 0, "S", 0)),
        scaled(a(1.0, 0, 0, "S", 0)),
        scaled(b(9.0, 0, 1, "SA", 0)),
        a(10.0, 1, 1, "A", 0).timestamps(1, 1),
    ];
    for _ in 0..rounds {
        let len = [1460, 1460, 1460, 333][throw(4) as usize];
        let clock = now as u32;
        let data = |time, seq| a(time, seq, 1, "A", len).timestamps(clock, 1);
        let ack = |time, to| b(time, 1, to, "A", 0).timestamps(clock, clock);
        now += f64::from(throw(40)) / 10.0;
        match throw(9) {
            // Lost, told by SACK, repaired; sometimes needlessly, which a duplicate SACK tells.
            0 => {
                packets.push(data(now, next));
                packets.push(data(now + 0.1, next + len));
                packets.push(data(now + 0.2, next + 2 * len));
                for n in 0..3 {
                    packets.push(b(now + 9.0 + f64::from(n), 1, next, "A", 0).sack(&[(next + len, next + 3 * len)]));
                }
                packets.push(data(now + 13.0, next));
                packets.push(ack(now + 22.0, next + 3 * len));
                packets.push(b(now + 23.0, 1, next + 3 * len, "A", 0).sack(&[(next, next + len)]));
                next += 3 * len;
                now += 24.0;
            }
            // Only a timer helps.
            1 => {
                packets.push(data(now, next));
                now += 200.0 + f64::from(throw(500));
                packets.push(data(now, next));
                packets.push(ack(now + 9.0, next + len));
                next += len;
            }
            // Out of order.
            2 => {
                packets.push(data(now, next + len));
                packets.push(data(now + 0.3, next));
                packets.push(ack(now + 9.0, next + 2 * len));
                next += 2 * len;
            }
            // The window closes and opens.
            3 => {
                packets.push(data(now, next));
                packets.push(ack(now + 9.0, next + len).window(0));
                packets.push(a(now + 200.0, next + len, 1, "A", 1).timestamps(clock, 1));
                packets.push(ack(now + 209.0, next + len).window(0));
                packets.push(ack(now + 300.0, next + len));
                next += len;
                now += 300.0;
            }
            // Silence, and a keep-alive.
            4 => {
                now += 1000.0;
                packets.push(a(now, next - 1, 1, "A", 0).timestamps(clock, 1));
                packets.push(ack(now + 9.0, next));
                now += 9.0;
            }
            // Not captured, but acknowledged.
            5 => {
                packets.push(ack(now + 9.0, next + len));
                next += len;
            }
            _ => {
                packets.push(data(now, next));
                packets.push(ack(now + 5.0 + f64::from(throw(90)), next + len));
                next += len;
            }
        }
        now = packets.last().map_or(now, |last| (last.time.as_nanos() - at(0.0).as_nanos()) as f64 / 1e6);
    }
    packets.push(a(now + 1.0, next, 1, "FA", 0));
    packets.push(b(now + 9.0, 1, next + 1, "FA", 0));
    packets.push(a(now + 10.0, next + 1, 2, "A", 0));
    packets
}

/// How large a connection that is over is at rest, and what takes how much of it.
fn size_at_rest(packets: &[Packet]) -> (usize, String) {
    let mut connection = Connection::new(199_999, &packets[0].segment(80_000_000));
    for (packet, frame) in packets.iter().zip(80_000_000..) {
        connection.on_segment(packet.side, &packet.segment(frame), false);
    }
    assert!(connection.is_over());
    connection.rest();
    let [a, b] = &connection.courses;
    let parts = [
        ("sequence", postcard::to_allocvec(&connection.sequence)),
        ("tally", postcard::to_allocvec(&connection.tally)),
        ("states", postcard::to_allocvec(&connection.states)),
        ("history", postcard::to_allocvec(&connection.history)),
        ("offers", postcard::to_allocvec(&(&a.offer, &b.offer))),
        ("loss", postcard::to_allocvec(&(a.loss(), b.loss()))),
        ("limits", postcard::to_allocvec(&(&a.limits, &b.limits))),
        ("round trips", postcard::to_allocvec(&(&a.round_trips, &b.round_trips))),
        ("courses in all", postcard::to_allocvec(&connection.courses)),
        ("illegal", postcard::to_allocvec(&connection.illegal)),
        ("resets", postcard::to_allocvec(&connection.resets)),
    ];
    let parts: Vec<String> =
        parts.into_iter().map(|(name, plain)| format!("{name} {}", squeeze(&plain.unwrap()))).collect();
    (pack(&connection).len(), parts.join(", "))
}

/// How long bytes are when runs of zeros are written as their length.
fn squeeze(plain: &[u8]) -> usize {
    let runs = plain.chunk_by(|one, other| *one == 0 && *other == 0);
    runs.map(|run| if run[0] == 0 { 2 } else { run.len() }).sum()
}

#[test]
fn a_connection_that_is_over_takes_512_bytes_at_most_and_twice_that_when_much_went_wrong() {
    let healthy = opened([
        a(20.0, 1, 1, "PA", 100),
        b(30.0, 1, 101, "PA", 500),
        a(40.0, 101, 501, "FA", 0),
        b(50.0, 501, 102, "FA", 0),
        a(60.0, 102, 502, "A", 0),
    ]);
    let worst = |rounds| (0..20).map(|seed| size_at_rest(&lossy(seed, rounds))).max().unwrap();
    let sizes = [size_at_rest(&healthy), worst(10), worst(100), worst(1000)];
    let limits = [512, 1024, 1024, 1024];
    let fits = sizes.iter().zip(limits).all(|((size, _), limit)| *size <= limit);
    assert!(fits, "healthy, 10, 100, 1000 rounds of trouble: {sizes:#?}");
}

fn opens(streams: &mut Streams, packet: &Packet, frame: u64) -> (u32, bool) {
    let segment = packet.segment(frame);
    let place = streams.place(&segment);
    let (side, reused) = (place.side, place.reused);
    place.connection.on_segment(side, &segment, reused);
    (place.connection.stream, reused)
}

#[test]
fn streams_are_numbered_as_they_open_and_reused_ports_open_another() {
    let mut streams = Streams::new(0);
    let mut frame = 0;
    let mut next = |packet: Packet| {
        frame += 1;
        opens(&mut streams, &packet, frame)
    };
    assert_eq!(next(a(0.0, 0, 0, "S", 0)), (0, false));
    assert_eq!(next(a(0.5, 0, 0, "S", 0).port(40_001)), (1, false));
    assert_eq!(next(b(1.0, 0, 1, "SA", 0)), (0, false));
    assert_eq!(next(a(2.0, 0, 0, "S", 0)), (0, false), "the same SYN once more");
    assert_eq!(next(a(3.0, 1, 1, "FA", 0)), (0, false));
    assert_eq!(next(a(4.0, 90_000, 0, "S", 0)), (2, true), "another number");
    assert_eq!(next(b(5.0, 5, 90_001, "SA", 0)), (2, false));
    assert_eq!(next(a(6.0, 90_001, 6, "A", 0)), (2, false));
    assert_eq!(next(a(7.0, 90_001, 6, "RA", 0)), (2, false));
    assert_eq!(next(a(8.0, 90_000, 0, "S", 0)), (3, true), "the same number after its end");
    assert_eq!(next(b(9.0, 0, 1, "SA", 0).port(40_001)), (1, false), "the other one goes on");
    assert_eq!(next(b(10.0, 777, 0, "S", 0)), (3, false), "both open at once");
    assert_eq!(next(a(11.0, 90_001, 778, "RA", 0)), (3, false));
    assert_eq!(next(b(12.0, 999, 0, "S", 0)), (4, true), "from the other side");
    assert_eq!(streams.opened(), 5);
}

/// SYNs to B, each from an address and a port of its own.
/// The stream that each of these segments belongs to, seen in the network beside it.
fn in_networks(packets: &[(Packet, u32)]) -> Vec<u32> {
    let mut streams = Streams::new(0);
    let each = packets.iter().zip(1..).map(|((packet, network), frame)| {
        let segment = Segment { network: *network, ..packet.segment(frame) };
        let place = streams.place(&segment);
        let (side, reused) = (place.side, place.reused);
        place.connection.on_segment(side, &segment, reused);
        place.connection.stream
    });
    each.collect()
}

#[test]
fn equal_ends_in_two_networks_are_two_connections_where_the_numbers_do_not_fit() {
    let other = 500_000_000;
    let packets = [
        (a(0.0, 0, 0, "S", 0), 10),
        (a(0.1, other, 0, "S", 0), 20),
        (b(1.0, 0, 1, "SA", 0), 10),
        (b(1.1, other, other + 1, "SA", 0), 20),
        (a(2.0, 1, 1, "PA", 100), 10),
        (a(2.1, other + 1, other + 1, "PA", 100), 20),
        (b(3.0, 1, 101, "FA", 0), 10),
        (b(3.1, other + 1, other + 101, "A", 0), 20),
        // The same numbers in the same network open another one, as ever.
        (a(4.0, 90_000, 0, "S", 0), 10),
        (a(4.1, other + 101, other + 1, "A", 0), 20),
    ];
    assert_eq!(in_networks(&packets), [0, 1, 0, 1, 0, 1, 0, 1, 2, 1]);
}

#[test]
fn a_tag_on_one_direction_does_not_split_a_connection() {
    let packets = [
        (a(0.0, 0, 0, "S", 0), 10),
        (b(1.0, 0, 1, "SA", 0), 0),
        (a(2.0, 1, 1, "PA", 100), 10),
        (b(3.0, 1, 101, "PA", 1000), 0),
        (a(4.0, 101, 1001, "A", 0), 10),
    ];
    assert_eq!(in_networks(&packets), [0; 5]);
}

#[test]
fn a_syn_of_a_direction_that_was_captured_late_belongs_to_what_was_captured_before_it() {
    let packets = [
        (b(0.0, 0, 1, "SA", 0), 0),
        (b(1.0, 1, 1001, "A", 0), 0),
        (b(2.0, 1, 1001, "FA", 0), 0),
        (a(25.0, 0, 0, "S", 0), 0),
        (a(26.0, 1, 1, "PA", 1000), 0),
        (a(60.0, 0, 0, "S", 0), 0),
    ];
    assert_eq!(in_networks(&packets), [0, 0, 0, 0, 0, 1], "but a SYN after that is another one's");
}

fn flood(streams: &mut Streams, from: u32, to: u32) {
    let syn = a(0.0, 0, 0, "S", 3);
    for number in from..to {
        let mut segment = syn.segment(u64::from(number) + 1);
        // Scattered over all ports, no two the same.
        let scattered = number.wrapping_mul(0x9e37_79b1);
        segment.src = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | scattered >> 16));
        segment.header.src_port = scattered as u16;
        let place = streams.place(&segment);
        let side = place.side;
        place.connection.on_segment(side, &segment, false);
    }
}

#[test]
fn a_flood_of_syns_stays_within_the_limit_and_is_counted() {
    let most = 4000;
    let mut streams = Streams::new(most);
    flood(&mut streams, 0, 200_000);
    assert!(streams.slots.len() <= most + 1, "{} places", streams.slots.len());
    assert!(streams.index.len() <= most + 1 && streams.ready.len() <= READY + 1);
    let mut kept = 0;
    streams.for_each(|_| kept += 1);
    let merged = streams.merged();
    assert_eq!(streams.opened(), 200_000);
    let given_up = 200_000 - kept;
    let expected = Merged { connections: given_up, packets: given_up, bytes: 3 * given_up, unanswered: given_up };
    assert_eq!(merged, expected);
    let largest = largest_at_rest(&streams);
    assert!(largest <= 512, "{largest}");
}

#[test]
fn a_limit_below_what_is_kept_ready_holds_too() {
    let mut streams = Streams::new(1);
    flood(&mut streams, 0, 20_000);
    assert!(streams.slots.len() <= READY + 1, "{} places", streams.slots.len());
}

#[test]
fn a_connection_with_a_story_outlasts_a_flood() {
    let mut streams = Streams::new(3000);
    let story = lossy(1, 30);
    for (packet, frame) in story.iter().zip(1..) {
        opens(&mut streams, packet, frame);
    }
    flood(&mut streams, 0, 20_000);
    let mut packets = HashMap::new();
    streams.for_each(|connection| {
        packets.insert(connection.stream, connection.courses.iter().map(|course| course.packets).sum::<u64>());
    });
    assert_eq!(packets.get(&0), Some(&(story.len() as u64)));
}

#[test]
fn a_given_up_connection_that_goes_on_is_a_new_one() {
    let mut streams = Streams::new(0);
    flood(&mut streams, 0, 10_000);
    let before = streams.opened();
    // The first of the flood was given up long ago.
    flood(&mut streams, 0, 1);
    assert_eq!(streams.opened(), before + 1);
    let kept_and_merged = {
        let mut kept = 0;
        streams.for_each(|_| kept += 1);
        kept + streams.merged().connections
    };
    assert_eq!(kept_and_merged, 10_001);
}

#[test]
fn connections_of_ipv6_and_ipv4_are_found_from_both_ends() {
    let mut streams = Streams::new(0);
    for (number, mapped) in [(0, false), (1, true)] {
        let place = |streams: &mut Streams, packet: &Packet| {
            let mut segment = packet.segment(1);
            if mapped {
                let v6 = |ip: IpAddr| match ip {
                    IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
                    ip => ip,
                };
                (segment.src, segment.dst) = (v6(segment.src), v6(segment.dst));
            }
            let place = streams.place(&segment);
            (place.connection.stream, place.side)
        };
        assert_eq!(place(&mut streams, &a(0.0, 0, 0, "S", 0)), (number, Side::A));
        assert_eq!(place(&mut streams, &b(1.0, 0, 1, "SA", 0)), (number, Side::B));
    }
}

#[test]
fn a_given_up_connection_leaves_nothing_behind_in_its_second_network() {
    let mut streams = Streams::new(0);
    let mut place = |packet: Packet, network: u32| {
        let segment = Segment { network, ..packet.segment(1) };
        let place = streams.place(&segment);
        let side = place.side;
        place.connection.on_segment(side, &segment, false);
        place.connection.stream
    };
    for expected in [0, 10_001] {
        assert_eq!(place(a(0.0, 0, 0, "S", 0), 10), expected);
        assert_eq!(place(b(1.0, 0, 1, "SA", 0), 0), expected);
        for port in 1000..11_000 {
            place(a(2.0, 0, 0, "S", 0).port(port), 10);
            place(b(3.0, 0, 1, "SA", 0).port(port), 10);
        }
    }
}
