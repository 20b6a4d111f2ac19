//! Exchanges, and Zeek's two words for them.

use super::*;
use crate::analysis::exchange::{Packet, a, analyse, b, open, opened};

fn words(packets: &[Packet]) -> (&'static str, String) {
    let (connection, _) = analyse(packets);
    (connection.history.state(), connection.history.letters().to_owned())
}

#[track_caller]
fn is(packets: &[Packet], state: &str, letters: &str) {
    assert_eq!(words(packets), (state, letters.to_owned()));
}

fn syn() -> Packet {
    a(0.0, 0, 0, "S", 0)
}

fn answer() -> Packet {
    b(9.0, 0, 1, "SA", 0)
}

#[test]
fn all_thirteen_states() {
    let data = || [a(20.0, 1, 1, "PA", 100), b(30.0, 1, 101, "PA", 500)];
    let fin_a = || a(40.0, 101, 501, "FA", 0);
    let fin_b = || b(50.0, 501, 102, "FA", 0);
    let then = |rest: &[Packet]| opened(data().into_iter().chain(rest.iter().cloned()));
    // A try that nobody answered.
    is(&[syn()], "S0", "S");
    // Open, and not ended.
    is(&then(&[]), "S1", "ShADd");
    // Opened and closed.
    is(&then(&[fin_a(), fin_b(), a(60.0, 102, 502, "A", 0)]), "SF", "ShADdFf");
    // Refused.
    is(&[syn(), b(1.0, 0, 1, "RA", 0)], "REJ", "Sr");
    // The originator closed, and nothing came of it; and the other way round.
    is(&then(&[fin_a()]), "S2", "ShADdF");
    is(&then(&[b(40.0, 501, 101, "FA", 0)]), "S3", "ShADdf");
    // Reset by the one or the other.
    is(&then(&[a(40.0, 101, 501, "RA", 0)]), "RSTO", "ShADdR");
    is(&then(&[b(40.0, 501, 101, "RA", 0)]), "RSTR", "ShADdr");
    // A SYN and a reset behind it, with no answer seen.
    is(&[syn(), a(1.0, 1, 0, "R", 0)], "RSTOS0", "SR");
    // An answer and a reset behind it, whose SYN was not seen.
    is(&[b(0.0, 0, 1, "SA", 0), b(9.0, 1, 0, "R", 0)], "RSTRH", "^hr");
    // Half of an opening, and a FIN.
    is(&[syn(), a(1.0, 1, 1, "FA", 0)], "SH", "SF");
    is(&[b(0.0, 0, 1, "SA", 0), b(9.0, 1, 1, "FA", 0)], "SHR", "^hf");
    // From the middle.
    is(&[a(0.0, 1, 1, "PA", 100), b(9.0, 1, 101, "A", 0)], "OTH", "Da");
}

#[test]
fn a_connection_from_the_middle_that_both_ends_close_is_closed() {
    let middle = [a(0.0, 1, 1, "PA", 100), b(9.0, 1, 101, "A", 0)];
    let closed = [a(20.0, 101, 1, "FA", 0), b(30.0, 1, 102, "FA", 0), a(40.0, 102, 2, "A", 0)];
    is(&[&middle[..], &closed].concat(), "SF", "DaFfA");
}

#[test]
fn an_answer_that_is_not_confirmed_leaves_the_opening_half_done() {
    is(&[syn(), answer()], "S1", "Sh");
}

#[test]
fn refused_means_no_answer_but_the_reset() {
    is(&[syn(), answer(), b(20.0, 1, 1, "RA", 0)], "RSTR", "Shr");
}

#[test]
fn a_scan_that_resets_the_answer_is_a_reset_of_the_originator() {
    is(&[syn(), answer(), a(10.0, 1, 0, "R", 0)], "RSTO", "ShR");
}

#[test]
fn what_is_sent_again_with_the_same_number_has_no_letter_again() {
    is(&[syn(), a(1000.0, 0, 0, "S", 0), b(1001.0, 0, 1, "RA", 0)], "REJ", "Sr");
    is(&[syn(), answer(), b(1009.0, 0, 1, "SA", 0), a(1010.0, 1, 1, "A", 0)], "S1", "ShA");
    is(&opened([a(20.0, 1, 1, "FA", 0), a(220.0, 1, 1, "FA", 0)]), "S2", "ShAF");
    is(&opened([b(20.0, 1, 1, "R", 0), b(21.0, 1, 1, "R", 0)]), "RSTR", "ShAr");
}

#[test]
fn a_reset_after_both_ends_closed_changes_nothing() {
    let closed = [a(20.0, 1, 1, "FA", 0), b(30.0, 1, 2, "FA", 0), a(31.0, 2, 0, "R", 0)];
    assert_eq!(words(&opened(closed)).0, "SF");
}

#[test]
fn the_first_reset_counts() {
    is(&opened([b(20.0, 1, 1, "RA", 0), a(21.0, 1, 1, "R", 0)]), "RSTR", "ShArR");
}

#[test]
fn a_letter_for_data_is_written_once_a_side_and_retransmissions_at_powers_of_ten() {
    let again = (0..100).map(|n| a(300.0 + f64::from(n) * 300.0, 1, 1, "PA", 100));
    let story = opened([a(20.0, 1, 1, "PA", 100)].into_iter().chain(again));
    is(&story, "S1", "ShADTTT");
}

#[test]
fn gaps_closed_windows_and_damage_have_letters_of_their_own() {
    // The end whose data was not captured is the one with the gap.
    is(&opened([b(20.0, 1, 301, "A", 0)]), "S1", "ShAaG");
    is(&opened([b(20.0, 1, 1, "A", 0).window(0)]), "S1", "ShAaw");
    let mut damaged = opened([a(20.0, 1, 1, "A", 100).checksum(Checksum::Bad)]);
    is(&damaged, "S1", "ShACD");
    damaged.extend((0..9).map(|n| a(30.0, 101 + n * 10, 1, "A", 10).checksum(Checksum::Bad)));
    is(&damaged, "S1", "ShACDC");
}

#[test]
fn flags_that_do_not_go_together_have_a_letter() {
    assert!(words(&[a(0.0, 0, 0, "SF", 0)]).1.contains('Q'));
    assert!(words(&opened([a(20.0, 1, 1, "FRA", 0)])).1.contains('I'));
}

#[test]
fn a_connection_seen_from_its_answer_is_turned_around() {
    let story: Vec<Packet> = open(10.0).into_iter().skip(1).chain([a(20.0, 1, 1, "PA", 10)]).collect();
    let (_, letters) = words(&story);
    assert_eq!(letters, "^hAD");
}

#[test]
fn the_story_ends_when_it_gets_long() {
    let ends = (0..200).map(|n| b(20.0 + f64::from(n), 1 + n, 1, "FA", 0));
    let (_, letters) = words(&opened(ends));
    assert_eq!(letters.len(), 48);
}
