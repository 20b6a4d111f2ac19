//! The eleven states of a connection (RFC 9293 section 3.3.2) and the moves between them (Figure 5).

use std::fmt;

/// A connection's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// Waiting for a connection request.
    Listen,
    /// Request sent, waiting for its match.
    SynSent,
    /// Requests exchanged, waiting for the confirming acknowledgment.
    SynReceived,
    /// Open both ways.
    Established,
    /// We closed; waiting for the peer's FIN or the acknowledgment of ours.
    FinWait1,
    /// Our FIN is acknowledged; waiting for the peer's.
    FinWait2,
    /// The peer closed; waiting for our user to.
    CloseWait,
    /// Both closed at once; waiting for the acknowledgment of our FIN.
    Closing,
    /// The peer closed, then we; waiting for the acknowledgment of our FIN.
    LastAck,
    /// Waiting until the peer has surely got our last acknowledgment.
    TimeWait,
    /// No connection.
    Closed,
}

use State::*;

/// Every move that Figure 5 and section 3.10 allow. Any state may also go to CLOSED (reset, abort, timeout).
const MOVES: &[(State, State)] = &[
    (Closed, Listen),
    (Closed, SynSent),
    (Listen, SynReceived),
    (Listen, SynSent),
    (SynSent, SynReceived),
    (SynSent, Established),
    (SynReceived, Established),
    (SynReceived, CloseWait),
    (SynReceived, Listen),
    (Established, FinWait1),
    (Established, CloseWait),
    (FinWait1, FinWait2),
    (FinWait1, Closing),
    (FinWait1, TimeWait),
    (FinWait2, TimeWait),
    (CloseWait, LastAck),
    (Closing, TimeWait),
];

impl State {
    /// All states, in the order of RFC 9293 section 3.3.2.
    pub const ALL: [State; 11] =
        [Listen, SynSent, SynReceived, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait, Closed];

    /// Whether TCP knows a move from `self` to `to`.
    pub fn may_become(self, to: State) -> bool {
        to == Closed || MOVES.contains(&(self, to))
    }

    /// Both sequence numbers are agreed ("synchronized state" in RFC 9293 section 3.5.2).
    pub const fn synchronized(self) -> bool {
        !matches!(self, Listen | SynSent | SynReceived | Closed)
    }

    /// The peer may still send data that we would take.
    pub const fn receives(self) -> bool {
        matches!(self, SynReceived | Established | FinWait1 | FinWait2)
    }

    /// Data of ours, new or again, or our FIN may be sent.
    pub const fn sends(self) -> bool {
        matches!(self, Established | FinWait1 | CloseWait | Closing | LastAck)
    }

    /// The name as the RFC writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Listen => "LISTEN",
            SynSent => "SYN-SENT",
            SynReceived => "SYN-RECEIVED",
            Established => "ESTABLISHED",
            FinWait1 => "FIN-WAIT-1",
            FinWait2 => "FIN-WAIT-2",
            CloseWait => "CLOSE-WAIT",
            Closing => "CLOSING",
            LastAck => "LAST-ACK",
            TimeWait => "TIME-WAIT",
            Closed => "CLOSED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_state_leads_back_into_the_opening_handshake() {
        for from in [Established, FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait] {
            for to in [Listen, SynSent, SynReceived] {
                assert!(!from.may_become(to), "{from} to {to}");
            }
        }
    }

    #[test]
    fn every_state_but_closed_can_be_reached() {
        for to in State::ALL {
            assert!(State::ALL.iter().any(|from| *from != to && from.may_become(to)), "{to}");
        }
    }
}
