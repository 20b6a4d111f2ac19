//! Plans, drawn from a seed: for each cause the path and the ends that bring it about.

use tcpkit::random::Random;

use super::plan::{Artefact, Burst, End, Endpoint, Freeze, Path, Plan, Policer, Reorder, Step, Strip, Trouble, Way};

const RATES: &[u64] = &[2, 5, 10, 20, 50, 100, 200];
const ROUND_TRIPS: &[u64] = &[1, 5, 10, 20, 40, 80, 150];
const MBIT: u64 = 1_000_000;

/// Chance, in the words of this file.
struct Dice(Random, Size);

/// How much a transfer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Enough for what happens to happen often.
    Full,
    /// Enough for it to happen, in captures that are small enough to keep.
    Brief,
}

impl Dice {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.below(of.len() as u64) as usize]
    }

    fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    /// So many bytes at `rate` Mbit/s, within what a capture should hold.
    fn seconds(&self, rate: u64, seconds: f64) -> u64 {
        let (least, most) = if self.1 == Size::Full { (300_000.0, 4e6) } else { (150_000.0, 400_000.0) };
        ((rate * MBIT / 8) as f64 * seconds).clamp(least, most) as u64
    }

    /// A third of `bytes` in a brief transfer.
    fn least(&self, bytes: u64) -> u64 {
        if self.1 == Size::Full { bytes } else { bytes / 3 }
    }

    fn share(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.range(0, 1_000_000) as f64 / 1e6
    }
}

/// The plan of the `variant`-th run of `cause`, drawn again for each `attempt`.
pub fn draw(cause: &str, variant: u64, attempt: u64, seed: u64, size: Size) -> Option<Plan> {
    let name = cause
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut dice = Dice(Random::new(seed).split(name).split(variant * 64 + attempt), size);
    let mut plan = base(cause, &mut dice);
    let known = loss(&mut plan, &mut dice)
        || path(&mut plan, &mut dice)
        || opening(&mut plan, &mut dice)
        || ending(&mut plan, &mut dice, variant)
        || pace(&mut plan, &mut dice, variant)
        || options(&mut plan, &mut dice)
        || healthy(&mut plan, &mut dice, variant)
        || capture(&mut plan, &mut dice, variant);
    plan.said = say(&plan);
    known.then_some(plan)
}

/// Who fetches something small over a clean path, CUBIC at both ends.
fn base(cause: &str, dice: &mut Dice) -> Plan {
    let end = || Endpoint {
        congestion: "cubic".into(),
        connect_ms: 30_000,
        patience_ms: 40_000,
        listens: true,
        ..Endpoint::default()
    };
    let mut plan = Plan {
        cause: cause.into(),
        v6: dice.0.chance(0.3),
        sender: End::Server,
        evidence: End::BOTH.to_vec(),
        keep: End::BOTH.to_vec(),
        direct: false,
        path: Path { seed: dice.0.next_u64(), ..Path::default() },
        client: end(),
        server: end(),
        snaplen: dice.pick(&[128, 262_144]),
        linger_ms: 300,
        artefact: None,
        said: String::new(),
    };
    // Rates that carry a small answer without a queue worth the name.
    let (rate, round_trip) = (dice.pick(&[0, 20, 50, 100, 200]), dice.pick(ROUND_TRIPS));
    line(&mut plan, rate, round_trip);
    transfer(&mut plan, 50_000);
    plan
}

/// Rate (in Mbit/s, 0 for none) and round trip (in ms) of the path, with a queue of twice their product.
fn line(plan: &mut Plan, rate: u64, round_trip: u64) {
    let product = rate * MBIT / 8 * round_trip / 1000;
    for way in [&mut plan.path.up, &mut plan.path.down] {
        way.rate = rate * MBIT;
        way.delay_us = round_trip * 500;
        way.queue = (product * 2).max(100_000);
    }
}

/// The way that the data in question goes.
fn forth(plan: &mut Plan) -> &mut Way {
    match plan.sender {
        End::Client => &mut plan.path.up,
        End::Server => &mut plan.path.down,
    }
}

/// The other one.
fn back(plan: &mut Plan) -> &mut Way {
    match plan.sender {
        End::Client => &mut plan.path.down,
        End::Server => &mut plan.path.up,
    }
}

fn round_trip(plan: &Plan) -> u64 {
    (plan.path.up.delay_us + plan.path.down.delay_us) / 1000
}

/// A transfer of `bytes` by the sender: a download, or an upload.
fn transfer(plan: &mut Plan, bytes: u64) {
    let (client, server) = match plan.sender {
        End::Server => (
            vec![Step::Send(150), Step::ReceiveAll],
            vec![Step::Receive(150), Step::Send(bytes), Step::Shutdown, Step::ReceiveAll],
        ),
        End::Client => (
            vec![Step::Send(bytes), Step::Shutdown, Step::ReceiveAll],
            vec![Step::Receive(bytes), Step::Send(120), Step::ReceiveAll],
        ),
    };
    (plan.client.steps, plan.server.steps) = (client, server);
}

/// Either end sends.
fn either(plan: &mut Plan, dice: &mut Dice) {
    if dice.0.chance(0.4) {
        plan.sender = End::Client;
    }
}

/// A path with room: the transfer ends before it fills the pipe, so nothing is lost and no queue grows.
fn roomy(plan: &mut Plan, dice: &mut Dice) -> u64 {
    let round_trip = dice.pick(ROUND_TRIPS);
    let rate = if round_trip < 20 { dice.pick(&[0, 200]) } else { dice.pick(&[0, 50, 100, 200]) };
    line(plan, rate, round_trip);
    forth(plan).queue = 4_000_000;
    let product = if rate == 0 { 1_500_000 } else { rate * MBIT / 8 * round_trip / 1000 };
    let most = (product * 3 / 2).clamp(60_000, if dice.1 == Size::Full { 2_000_000 } else { 250_000 });
    dice.range(most / 2, most)
}

fn loss(plan: &mut Plan, dice: &mut Dice) -> bool {
    if !matches!(plan.cause.as_str(), "random_loss" | "loss_no_sack" | "burst_loss" | "queue_overflow" | "policer") {
        return false;
    }
    let (mut rate, round_trip) = (dice.pick(RATES), dice.pick(&ROUND_TRIPS[1..]));
    either(plan, dice);
    line(plan, rate, round_trip);
    if dice.0.chance(0.15) && plan.cause != "queue_overflow" {
        (plan.client.congestion, plan.server.congestion) = ("bbr".into(), "bbr".into());
    }
    let packets = (dice.seconds(rate, 3.0) / 1448) as f64;
    match plan.cause.as_str() {
        "burst_loss" => {
            // Some six bursts in a transfer, of some five packets.
            let burst = Burst { enter: 6.0 / packets, leave: dice.share(0.1, 0.3), loss: dice.share(0.6, 1.0) };
            forth(plan).burst = Some(burst);
            forth(plan).queue *= 2;
        }
        "queue_overflow" => {
            rate = dice.pick(&[5, 10, 20, 50]);
            line(plan, rate, dice.pick(&[10, 20, 40, 80]));
            let product = rate * MBIT / 8 * self::round_trip(plan) / 1000;
            forth(plan).queue = ((product as f64 * dice.share(0.4, 1.5)) as u64).max(20_000);
        }
        "policer" => {
            rate = dice.pick(&[5, 10, 20]);
            line(plan, 0, dice.pick(&[5, 10, 20, 40, 80]));
            forth(plan).policer = Some(Policer { rate: rate * MBIT, burst: dice.range(15_000, 60_000) });
        }
        _ => {
            forth(plan).loss = dice.share(0.003, 0.05).max(3.0 / packets);
            forth(plan).queue *= 2;
        }
    }
    if plan.cause == "loss_no_sack" {
        let off = || vec![("tcp_sack".into(), "0".into()), ("tcp_timestamps".into(), "0".into())];
        (plan.client.sysctls, plan.server.sysctls) = (off(), off());
    }
    transfer(plan, dice.seconds(rate, 3.0));
    true
}

fn path(plan: &mut Plan, dice: &mut Dice) -> bool {
    let packets = |bytes: u64| (bytes / 1448).max(1) as f64;
    match plan.cause.as_str() {
        "bufferbloat" => {
            either(plan, dice);
            let rate = dice.pick(&[2, 5, 10]);
            line(plan, rate, dice.pick(&[5, 10, 20, 40]));
            forth(plan).queue = 3_000_000;
            transfer(plan, dice.seconds(rate, 3.0).min(2_500_000).max(dice.least(600_000)));
        }
        "reordering" => {
            either(plan, dice);
            let bytes = roomy(plan, dice).max(dice.least(300_000));
            let hold = (self::round_trip(plan) * 100).clamp(500, 8_000);
            let reorder = Reorder {
                share: dice.share(0.005, 0.05).max(8.0 / packets(bytes)),
                hold_us: dice.range(hold / 2, hold),
            };
            forth(plan).reorder = Some(reorder);
            transfer(plan, bytes);
        }
        "network_duplicates" => {
            either(plan, dice);
            let bytes = roomy(plan, dice).max(200_000);
            forth(plan).duplicate = dice.share(0.01, 0.1).max(6.0 / packets(bytes));
            transfer(plan, bytes);
        }
        "corruption" => {
            either(plan, dice);
            let bytes = roomy(plan, dice).max(dice.least(300_000));
            forth(plan).corrupt = dice.share(0.005, 0.03).max(4.0 / packets(bytes));
            // Without the payload a checksum cannot be verified.
            plan.snaplen = 262_144;
            transfer(plan, bytes);
        }
        "ack_loss" => {
            line(plan, 0, dice.pick(&[5, 10, 20, 40, 80]));
            back(plan).ack_loss = dice.share(0.3, 0.6);
            let count = dice.range(15, 30);
            let (piece, every_ms) = (dice.range(200, 1200), dice.range(250, 500));
            plan.server.steps = vec![
                Step::Receive(150),
                Step::Trickle { bytes: piece * count, piece, every_ms },
                Step::Shutdown,
                Step::ReceiveAll,
            ];
        }
        "delay_spike" => {
            either(plan, dice);
            let bytes = roomy(plan, dice).max(dice.least(400_000));
            let for_ms = dice.range(400, 1500) + 3 * self::round_trip(plan);
            forth(plan).freeze = Some(Freeze { after_bytes: bytes / 3, for_ms });
            transfer(plan, bytes);
        }
        _ => return false,
    }
    true
}

fn opening(plan: &mut Plan, dice: &mut Dice) -> bool {
    let bytes = dice.range(5_000, 60_000);
    match plan.cause.as_str() {
        "lost_syn" => {
            plan.path.up.lose_syns = dice.range(1, 2) as u32;
            plan.evidence = vec![End::Client];
        }
        "lost_syn_ack" => plan.path.down.lose_syns = dice.range(1, 2) as u32,
        "no_answer" => {
            plan.client.connect_ms = dice.range(2_500, 8_000);
            if dice.0.chance(0.5) {
                plan.server.input_rules = vec!["tcp flags syn drop".into()];
            } else {
                plan.path.up.lose_syns = u32::MAX;
                plan.keep = vec![End::Client];
            }
        }
        "refused" => {
            if dice.0.chance(0.5) {
                plan.server.listens = false;
            } else {
                plan.server.input_rules = vec!["tcp dport 8080 reject with tcp reset".into()];
            }
        }
        "unreachable" => {
            plan.client.connect_ms = dice.range(2_500, 5_000);
            if dice.0.chance(0.5) {
                plan.path.trouble = Some(Trouble::Unreachable(dice.pick(&[1, 13])));
                plan.keep = vec![End::Client];
            } else {
                let how = dice.pick(&["port-unreachable", "admin-prohibited"]);
                plan.server.input_rules = vec![format!("tcp dport 8080 reject with icmpx type {how}")];
            }
        }
        _ => return false,
    }
    transfer(plan, bytes);
    true
}

fn ending(plan: &mut Plan, dice: &mut Dice, variant: u64) -> bool {
    match plan.cause.as_str() {
        "reset_by_application" => {
            plan.sender = End::BOTH[variant as usize % 2];
            // More than both sockets hold: the sender is not done when the reader goes.
            roomy(plan, dice);
            transfer(plan, 8_000_000);
            let taken = dice.range(1_000, 300_000);
            let (receiver, asks) = match plan.sender {
                End::Client => (&mut plan.server, vec![]),
                End::Server => (&mut plan.client, vec![Step::Send(150)]),
            };
            receiver.steps = [asks, vec![Step::Receive(taken), Step::Pause(dice.range(0, 30))]].concat();
        }
        "reset_injected" => {
            let bytes = roomy(plan, dice).max(200_000);
            transfer(plan, bytes);
            plan.path.trouble = Some(Trouble::Reset {
                after_bytes: dice.range(5_000, bytes * 3 / 4),
                ttl: dice.pick(&[48, 64, 128, 255]),
            });
        }
        "idle_cut_reset" | "idle_cut_silent" => {
            let after_ms = dice.range(2_000, 5_000);
            let resets = plan.cause == "idle_cut_reset";
            plan.path.trouble = Some(Trouble::Forget { after_ms, resets });
            let idle = after_ms + dice.range(1_000, 3_000);
            let requests = dice.range(1, 3) as u32;
            plan.sender = End::Client;
            plan.evidence = vec![End::Client];
            plan.client.steps = vec![
                Step::Repeat(requests, vec![Step::Send(200), Step::Receive(3_000)]),
                Step::Pause(idle),
                Step::Send(200),
                Step::Receive(3_000),
            ];
            plan.server.steps = vec![Step::Repeat(requests + 1, vec![Step::Receive(200), Step::Send(3_000)])];
            plan.client.sysctls = vec![("tcp_retries2".into(), dice.range(4, 5).to_string())];
        }
        "vanished" => {
            plan.sender = End::BOTH[variant as usize % 2];
            let bytes = roomy(plan, dice).max(dice.least(300_000));
            transfer(plan, bytes);
            plan.path.trouble = Some(Trouble::CutAfterBytes(dice.range(20_000, bytes / 2)));
            let retries = vec![("tcp_retries2".into(), dice.range(4, 6).to_string())];
            (plan.client.sysctls, plan.server.sysctls) = (retries.clone(), retries);
            (plan.client.keep_alive, plan.server.keep_alive) = (Some((1, 1, 3)), Some((1, 1, 3)));
            plan.linger_ms = 10_000;
        }
        "vanished_idle" => {
            let at = dice.range(500, 1_500);
            plan.path.trouble = Some(Trouble::CutAfterMs(at));
            plan.client.steps = vec![Step::Send(200), Step::ReceiveAll];
            plan.server.steps = vec![Step::Receive(200), Step::Send(5_000), Step::ReceiveAll];
            plan.client.keep_alive = Some((2, 1, dice.range(3, 5) as u32));
            if dice.0.chance(0.5) {
                plan.server.keep_alive = Some((2, 1, 3));
            } else {
                plan.evidence = vec![End::Client];
            }
        }
        _ => return false,
    }
    true
}

fn pace(plan: &mut Plan, dice: &mut Dice, variant: u64) -> bool {
    match plan.cause.as_str() {
        "small_receive_buffer" => {
            either(plan, dice);
            line(plan, dice.pick(&[0, 50, 100]), dice.pick(&[20, 40, 80, 150]));
            let size = Some(dice.range(4_096, 16_384) as usize);
            match plan.sender {
                End::Client => plan.server.receive_buffer = size,
                End::Server => plan.client.receive_buffer = size,
            }
            transfer(plan, 12_000 * 3_000 / self::round_trip(plan) / 3);
        }
        "slow_reader" => {
            either(plan, dice);
            line(plan, dice.pick(&[0, 20, 100]), dice.pick(&[1, 5, 20, 40]));
            let most = dice.least(1_500_000);
            let bytes = dice.range(most / 2, most);
            transfer(plan, bytes);
            let sip = Step::Sip { bytes, piece: bytes / 15, every_ms: dice.range(250, 450) };
            let size = Some(dice.range(32_768, 131_072) as usize);
            match plan.sender {
                End::Client => {
                    plan.server.receive_buffer = size;
                    plan.server.steps = vec![sip, Step::Send(120), Step::ReceiveAll];
                }
                End::Server => {
                    plan.client.receive_buffer = size;
                    plan.client.steps = vec![Step::Send(150), sip, Step::ReceiveAll];
                }
            }
        }
        "pause_in_download" | "pause_in_upload" => {
            let bytes = roomy(plan, dice);
            let pause = Step::Pause(dice.range(1_000, 3_000));
            let rest = dice.range(30_000, 100_000);
            if plan.cause == "pause_in_upload" {
                plan.sender = End::Client;
                plan.client.steps = vec![Step::Send(bytes), pause, Step::Send(rest), Step::Shutdown, Step::ReceiveAll];
                plan.server.steps = vec![Step::Receive(bytes + rest), Step::Send(120), Step::ReceiveAll];
            } else {
                plan.server.steps = vec![
                    Step::Receive(150),
                    Step::Send(bytes),
                    pause,
                    Step::Send(rest),
                    Step::Shutdown,
                    Step::ReceiveAll,
                ];
            }
        }
        "slow_answer" => {
            let (answer, wait) = (dice.range(500, 60_000), dice.range(1_500, 4_000));
            let quick = dice.range(0, 3) as u32;
            let ask = || vec![Step::Send(300), Step::Receive(answer)];
            let give = || vec![Step::Receive(300), Step::Send(answer)];
            plan.client.steps = vec![Step::Repeat(quick + 1, ask())];
            plan.server.steps = vec![
                Step::Repeat(quick, give()),
                Step::Receive(300),
                Step::Pause(wait),
                Step::Send(answer),
                Step::ReceiveAll,
            ];
        }
        "no_response" => {
            plan.client.steps =
                vec![Step::Send(300), Step::Pause(dice.range(3_000, 6_000)), Step::Shutdown, Step::Pause(300)];
            plan.server.steps = vec![Step::Receive(300), Step::ReceiveAll];
        }
        "nagle" => {
            plan.sender = End::Client;
            line(plan, dice.pick(&[0, 20]), dice.pick(&[1, 5, 10, 20]));
            let count = dice.range(25, 50) as u32;
            let (head, body) = (dice.range(80, 200), dice.range(50, 600));
            plan.client.steps = vec![Step::Repeat(count, vec![Step::Send(head), Step::Send(body), Step::Receive(400)])];
            plan.server.steps =
                vec![Step::Repeat(count, vec![Step::Receive(head + body), Step::Send(400)]), Step::ReceiveAll];
        }
        "trickle" => {
            let piece = dice.range(300, 4_000);
            let every_ms = dice.range(25, 60);
            let bytes = piece * dice.range(3_000, 5_000) / every_ms;
            plan.server.steps =
                vec![Step::Receive(150), Step::Trickle { bytes, piece, every_ms }, Step::Shutdown, Step::ReceiveAll];
        }
        "mtu_black_hole" => {
            line(plan, dice.pick(&[0, 20, 100]), dice.pick(&[1, 10, 40, 80]));
            plan.sender = if variant.is_multiple_of(2) { End::Server } else { End::Client };
            // Within the first window the last segment is a small one, which gets through and shows the hole.
            let short = plan.sender == End::Client || dice.0.chance(0.5);
            transfer(plan, if short { 1_000 + 1_428 * dice.range(2, 7) } else { dice.range(20_000, 200_000) });
            let patience = dice.range(8_000, 15_000);
            (plan.client.patience_ms, plan.server.patience_ms) = (patience, patience);
            // Not below what IPv6 takes for granted.
            forth(plan).largest = Some(dice.range(1_280, 1_460) as usize);
            let retries = vec![("tcp_retries2".into(), dice.range(5, 6).to_string())];
            (plan.client.sysctls, plan.server.sysctls) = (retries.clone(), retries);
            if plan.sender == End::Client {
                // Something small comes before.
                plan.client.steps.splice(0..0, [Step::Send(100), Step::Receive(50)]);
                plan.server.steps.splice(0..0, [Step::Receive(100), Step::Send(50)]);
            }
        }
        "too_big_with_icmp" => {
            line(plan, dice.pick(&[0, 100]), dice.pick(&[5, 20, 40, 80]));
            transfer(plan, dice.range(100_000, 500_000));
            let way = forth(plan);
            (way.largest, way.says_too_big) = (Some(dice.range(1_280, 1_460) as usize), true);
        }
        _ => return false,
    }
    true
}

fn options(plan: &mut Plan, dice: &mut Dice) -> bool {
    match plan.cause.as_str() {
        "timestamps_stripped" => {
            let bytes = roomy(plan, dice);
            either(plan, dice);
            transfer(plan, bytes);
            plan.path.up.strip = Some(Strip::TimestampsLater);
            plan.path.down.strip = Some(Strip::TimestampsLater);
        }
        "window_scale_stripped" => {
            line(plan, 0, dice.pick(&[10, 20, 40]));
            plan.sender = End::Client;
            plan.path.down.strip = Some(Strip::WindowScale);
            // The first window is never scaled, and holds 64 KiB.
            transfer(plan, 64_000 + dice.range(8_000, 15_000));
        }
        _ => return false,
    }
    true
}

fn healthy(plan: &mut Plan, dice: &mut Dice, variant: u64) -> bool {
    match plan.cause.as_str() {
        "bulk_clean" => {
            let bytes = roomy(plan, dice);
            transfer(plan, bytes);
        }
        "upload_clean" => {
            plan.sender = End::Client;
            let bytes = roomy(plan, dice);
            transfer(plan, bytes);
        }
        "bulk_bbr" => {
            plan.server.congestion = "bbr".into();
            let rate = dice.pick(&[0, 20, 50, 100]);
            line(plan, rate, dice.pick(&[10, 20, 40, 80]));
            forth(plan).queue *= 3;
            transfer(plan, dice.seconds(rate.max(50), 1.0).min(2_000_000));
        }
        "web" => {
            let (count, answer) = (dice.range(2, 4) as u32, dice.range(1_000, 80_000));
            let think = dice.range(1_000, 2_500);
            plan.client.steps = vec![
                Step::Repeat(count, vec![Step::Send(400), Step::Receive(answer), Step::Pause(think)]),
                Step::Shutdown,
                Step::ReceiveAll,
            ];
            plan.server.steps =
                vec![Step::Repeat(count, vec![Step::Receive(400), Step::Send(answer)]), Step::ReceiveAll];
        }
        "rpc" => {
            let (count, ask, answer) = (dice.range(20, 60) as u32, dice.range(20, 900), dice.range(20, 9_000));
            plan.client.steps = vec![Step::Repeat(count, vec![Step::Send(ask), Step::Receive(answer)])];
            plan.server.steps =
                vec![Step::Repeat(count, vec![Step::Receive(ask), Step::Send(answer)]), Step::ReceiveAll];
        }
        "push_stream" => {
            let (piece, every_ms) = (dice.range(40, 400), dice.pick(&[100, 200, 500, 1_000]));
            let bytes = piece * (6_000 / every_ms).max(6);
            plan.server.steps =
                vec![Step::Receive(150), Step::Trickle { bytes, piece, every_ms }, Step::Shutdown, Step::ReceiveAll];
        }
        "idle_keep_alive" => {
            let idle = Step::Pause(dice.range(4_500, 7_000));
            plan.client.keep_alive = Some((1, 1, 5));
            if dice.0.chance(0.5) {
                plan.server.keep_alive = Some((1, 1, 5));
            }
            plan.client.steps = vec![Step::Send(100), Step::Receive(500), idle, Step::Send(100), Step::Receive(500)];
            plan.server.steps = vec![Step::Repeat(2, vec![Step::Receive(100), Step::Send(500)]), Step::ReceiveAll];
        }
        "control" => {
            let idle = dice.range(1_500, 4_000);
            let back = dice.range(10, 200);
            plan.client.steps = vec![
                Step::Repeat(3, vec![Step::Send(60), Step::Receive(back), Step::Pause(idle)]),
                Step::Send(20),
                Step::Receive(20),
            ];
            plan.server.steps = vec![
                Step::Repeat(3, vec![Step::Receive(60), Step::Send(back)]),
                Step::Receive(20),
                Step::Send(20),
                Step::ReceiveAll,
            ];
        }
        "lan_offload" => {
            plan.direct = true;
            plan.sender = End::BOTH[variant as usize % 2];
            plan.snaplen = 128;
            transfer(plan, dice.range(1_000_000, 20_000_000));
        }
        "reset_after_close" => {
            let bytes = dice.range(500, 100_000);
            plan.client.steps = vec![Step::Send(150), Step::ReceiveAll, Step::Shutdown, Step::Pause(400), Step::Reset];
            plan.server.steps = vec![Step::Receive(150), Step::Send(bytes), Step::Shutdown, Step::ReceiveAll];
        }
        "reset_when_done" => {
            let bytes = dice.range(500, 100_000);
            let requests = dice.range(1, 4) as u32;
            plan.client.steps = vec![
                Step::Repeat(requests, vec![Step::Send(150), Step::Receive(bytes)]),
                Step::Pause(dice.range(250, 600)),
                Step::Reset,
            ];
            plan.server.steps =
                vec![Step::Repeat(requests, vec![Step::Receive(150), Step::Send(bytes)]), Step::ReceiveAll];
        }
        "half_close" => {
            let bytes = roomy(plan, dice);
            plan.client.steps = vec![Step::Send(150), Step::Shutdown, Step::ReceiveAll];
            plan.server.steps = vec![Step::ReceiveAll, Step::Send(bytes)];
        }
        _ => return false,
    }
    true
}

/// A clean transfer, and what becomes of its captures.
fn capture(plan: &mut Plan, dice: &mut Dice, variant: u64) -> bool {
    let bytes = roomy(plan, dice).clamp(100_000, 600_000);
    either(plan, dice);
    transfer(plan, bytes);
    let gap_us = dice.range(2, 60);
    let routed = dice.0.chance(0.4);
    let end = dice.pick(&End::BOTH);
    let artefact = match plan.cause.as_str() {
        "copies_ipv4" => {
            plan.v6 = false;
            Artefact::Copies { gap_us, no_id: false, routed }
        }
        "copies_ipv6" => {
            plan.v6 = true;
            Artefact::Copies { gap_us, no_id: false, routed }
        }
        "copies_no_id" => {
            plan.v6 = false;
            Artefact::Copies { gap_us, no_id: true, routed }
        }
        "one_direction" => Artefact::OneDirection(End::BOTH[variant as usize % 2]),
        "midstream" => Artefact::Midway(dice.share(0.15, 0.6)),
        "options_cut" => {
            let ip = if plan.v6 { 40 } else { 20 };
            Artefact::Cut(14 + ip + 20 + dice.pick(&[0, 2, 4, 8]))
        }
        "missing_in_capture" => {
            transfer(plan, bytes.max(dice.least(500_000)));
            Artefact::Missing(0.01)
        }
        "captured_late" => {
            // Later than it takes to be acknowledged, wherever it is captured: otherwise nothing shows it.
            let by_us = self::round_trip(plan) * 1_000 + dice.range(5_000, 30_000);
            Artefact::Late { of: plan.sender, by_us, sorted: variant.is_multiple_of(2) }
        }
        "checksums_not_filled" => {
            plan.snaplen = 262_144;
            Artefact::Checksums(end, dice.pick(&[0, 0, 0x1234, 0xffff]))
        }
        "vlan_one_way" => Artefact::Vlan(end, dice.range(2, 4000) as u16),
        _ => return false,
    };
    plan.artefact = Some(artefact);
    true
}

/// The numbers of a plan, for people.
fn say(plan: &Plan) -> String {
    let way = |way: &Way| serde_json::to_value(way).ok();
    let plain = serde_json::to_value(Way::default()).ok();
    let mut parts = vec![if plan.v6 { "IPv6".to_owned() } else { "IPv4".to_owned() }];
    if !plan.direct {
        let rate = plan.path.down.rate / MBIT;
        parts.push(if rate == 0 { "no rate limit".into() } else { format!("{rate} Mbit/s") });
        parts.push(format!("round trip {} ms", round_trip(plan)));
    }
    for (name, spec) in [("up", &plan.path.up), ("down", &plan.path.down)] {
        let (Some(serde_json::Value::Object(spec)), Some(plain)) = (way(spec), &plain) else { continue };
        for (key, value) in spec {
            if !matches!(key.as_str(), "rate" | "delay_us") && plain[&key] != value {
                parts.push(format!("{name} {key} {value}"));
            }
        }
    }
    if let Some(trouble) = &plan.path.trouble {
        parts.push(format!("{trouble:?}"));
    }
    if let Some(artefact) = &plan.artefact {
        parts.push(format!("{artefact:?}"));
    }
    parts.push(plan.server.congestion.clone());
    parts.join(", ")
}
