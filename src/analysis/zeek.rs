//! A connection in two words, as Zeek writes them: `conn_state` and `history`.

use serde::{Deserialize, Serialize};

use super::segment::{Checksum, Segment, Side};
use super::sequence::{Marks, Verdict};

#[cfg(test)]
mod tests;

/// History is cut at this length.
const LONGEST: usize = 48;

/// Which letters are written once per side, by bit.
const ONCE: [u8; 5] = [b'a', b'd', b'i', b'q', b'r'];
/// Which are written again whenever their count has grown tenfold.
const TENFOLD: [u8; 4] = [b'c', b'g', b't', b'w'];

/// What happened, in order, and to which end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    letters: String,
    /// The end that sent the SYN-ACK was seen first: it is the responder.
    flipped: bool,
    once: [u8; 2],
    counts: [[u32; 4]; 2],
    syn: [bool; 2],
    answered: bool,
    open: [bool; 2],
    fin: [bool; 2],
    reset: Option<Side>,
}

impl History {
    /// Takes a segment of `side` into account.
    pub fn on_segment(&mut self, side: Side, segment: &Segment<'_>, verdict: &Verdict) {
        let flags = segment.header.flags;
        if self.letters.is_empty() && flags.syn() && flags.ack() {
            self.flipped = true;
            self.letters.push('^');
        }
        let at = side.index();
        if segment.checksum == Checksum::Bad {
            self.tenfold(side, b'c');
        }
        match (flags.syn(), flags.fin(), flags.rst()) {
            (true, true, _) | (true, _, true) => self.once(side, b'q'),
            (false, true, true) => self.once(side, b'i'),
            _ => {}
        }
        // Sent again with the same number, it is no news.
        let again = verdict.marks.reported().contains(Marks::RETRANSMISSION);
        if flags.syn() {
            if !again {
                self.write(side, if flags.ack() { b'h' } else { b's' });
            }
            self.set(|history| &mut history.syn, at);
            self.answered |= flags.ack();
        } else if flags.rst() {
            self.once(side, b'r');
            if self.fin != [true, true] {
                self.reset = self.reset.or(Some(side));
            }
        } else if segment.len > 0 {
            self.once(side, b'd');
            self.set(|history| &mut history.open, at);
        } else if flags.ack() && !flags.fin() {
            self.once(side, b'a');
            self.set(|history| &mut history.open, at);
        }
        if flags.fin() && !flags.rst() {
            if !again {
                self.write(side, b'f');
            }
            self.set(|history| &mut history.fin, at);
        }
        let marks = verdict.marks;
        if marks.is_empty() {
            return;
        }
        if segment.len > 0 && marks.reported().contains(Marks::RETRANSMISSION) {
            self.tenfold(side, b't');
        }
        if marks.contains(Marks::ZERO_WINDOW) {
            self.tenfold(side, b'w');
        }
        if verdict.unseen > 0 {
            self.tenfold(side.other(), b'g');
        }
    }

    /// The letters: upper case is the originator.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// Zeek's `conn_state`.
    pub fn state(&self) -> &'static str {
        let originator = if self.flipped { Side::B } else { Side::A };
        let (o, r) = (originator.index(), originator.other().index());
        let at = |pair: &[bool; 2], side: usize| pair.get(side).copied().unwrap_or(false);
        let quiet = !at(&self.syn, r) && !at(&self.open, r) && !at(&self.fin, r);
        let asked = at(&self.syn, o);
        match self.reset {
            Some(side) if side == originator && asked && quiet => return "RSTOS0",
            Some(side) if side == originator => return "RSTO",
            Some(_) if !asked && self.answered => return "RSTRH",
            Some(_) if asked && !self.answered && !at(&self.open, o) => return "REJ",
            Some(_) => return "RSTR",
            None => {}
        }
        let midstream = !asked && !self.answered;
        match (at(&self.fin, o), at(&self.fin, r)) {
            (true, true) => "SF",
            _ if midstream => "OTH",
            (true, false) if quiet => "SH",
            (true, false) => "S2",
            (false, true) if !asked => "SHR",
            (false, true) => "S3",
            (false, false) if asked && quiet => "S0",
            (false, false) if asked && self.answered => "S1",
            (false, false) => "OTH",
        }
    }

    /// True when the SYN of one end was answered.
    pub fn answered(&self) -> bool {
        self.answered
    }

    /// Who reset first.
    pub fn reset_by(&self) -> Option<Side> {
        self.reset
    }

    /// Whether an end sent a FIN.
    pub fn closed_by(&self, side: Side) -> bool {
        self.fin.get(side.index()).copied().unwrap_or(false)
    }

    /// Whether an end sent a SYN.
    pub fn opened_by(&self, side: Side) -> bool {
        self.syn.get(side.index()).copied().unwrap_or(false)
    }

    fn set(&mut self, pair: impl Fn(&mut Self) -> &mut [bool; 2], at: usize) {
        if let Some(flag) = pair(self).get_mut(at) {
            *flag = true;
        }
    }

    fn write(&mut self, side: Side, letter: u8) {
        if self.letters.len() < LONGEST {
            let originator = (side == Side::A) != self.flipped;
            let letter = if originator { letter.to_ascii_uppercase() } else { letter };
            self.letters.push(char::from(letter));
        }
    }

    fn once(&mut self, side: Side, letter: u8) {
        let bit = ONCE.iter().position(|known| *known == letter).map_or(0, |at| 1 << at);
        if let Some(written) = self.once.get_mut(side.index())
            && *written & bit == 0
        {
            *written |= bit;
            self.write(side, letter);
        }
    }

    fn tenfold(&mut self, side: Side, letter: u8) {
        let at = TENFOLD.iter().position(|known| *known == letter).unwrap_or(0);
        let Some(count) = self.counts.get_mut(side.index()).and_then(|counts| counts.get_mut(at)) else { return };
        *count = count.saturating_add(1);
        let count = *count;
        if 10u32.checked_pow(count.ilog10()) == Some(count) {
            self.write(side, letter);
        }
    }
}
