//! Is a segment within the window? (RFC 9293 section 3.4, Table 6)

use crate::wire::SeqNum;

/// Where a segment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Some of it is in the window, or it is empty and stands at a place where one may.
    Inside,
    /// It carries something exactly where we wait, but our window is closed.
    BeyondClosedWindow,
    /// Nothing of it is in the window.
    Outside,
}

/// The four cases of Table 6, with the special allowance for a closed window told apart. `edge_accepted` is
/// [`Config::edge_accepted`](crate::tcp::Config).
pub fn place(rcv_nxt: SeqNum, rcv_wnd: u32, seq: SeqNum, len: u32, edge_accepted: bool) -> Place {
    let edge = rcv_nxt + rcv_wnd;
    let within = |at: SeqNum| at.at_or_after(rcv_nxt) && at.before(edge);
    let acceptable = match (len, rcv_wnd) {
        (0, 0) => seq == rcv_nxt,
        (0, _) => within(seq) || edge_accepted && seq == edge,
        (_, 0) => false,
        _ => within(seq) || within(seq + (len - 1)) || (seq.before(rcv_nxt) && (seq + len).after(edge)),
    };
    match (acceptable, rcv_wnd) {
        (true, _) => Place::Inside,
        (false, 0) if seq == rcv_nxt => Place::BeyondClosedWindow,
        (false, _) => Place::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_6_at_every_boundary() {
        use Place::*;
        let nxt = SeqNum(u32::MAX - 2);
        let at = |offset: i32| SeqNum(nxt.0.wrapping_add(offset as u32));
        let table = [
            // SEG.LEN = 0, RCV.WND = 0
            (0, 0, 0, Inside),
            (0, 1, 0, Outside),
            (0, -1, 0, Outside),
            // SEG.LEN = 0, RCV.WND > 0
            (10, 0, 0, Inside),
            (10, 9, 0, Inside),
            (10, 10, 0, Outside),
            (10, 11, 0, Outside),
            (10, -1, 0, Outside),
            // SEG.LEN > 0, RCV.WND = 0
            (0, 0, 1, BeyondClosedWindow),
            (0, 1, 1, Outside),
            (0, -5, 5, Outside),
            // SEG.LEN > 0, RCV.WND > 0
            (10, -5, 5, Outside),
            (10, -5, 6, Inside),
            (10, 9, 100, Inside),
            (10, 10, 1, Outside),
            (10, -5, 100, Inside),
        ];
        for (wnd, offset, len, expected) in table {
            let place = place(nxt, wnd, at(offset), len, false);
            assert_eq!(place, expected, "window {wnd}, seq {offset:+}, length {len}");
        }
    }

    #[test]
    fn the_right_edge_is_a_place_for_empty_segments_where_the_configuration_says_so() {
        let nxt = SeqNum(u32::MAX - 2);
        for (offset, len, expected) in
            [(9, 0, Place::Inside), (10, 0, Place::Inside), (11, 0, Place::Outside), (10, 1, Place::Outside)]
        {
            assert_eq!(place(nxt, 10, nxt + offset, len, true), expected, "seq {offset:+}, length {len}");
        }
    }
}
