//! `inspect --filter EXPR`: which segments are meant.
//!
//! People know one of two languages, so both are read here, together with the short names of our own output:
//!
//! | language | examples |
//! |----------|----------|
//! | Wireshark's display filters | `tcp.port == 80 && ip.addr == 10.0.0.0/8`, `tcp.stream in {1, 3..5}`, `tcp.payload contains "GET"` |
//! | BPF, as tcpdump takes it | `src net 10.0.0.0/8 and (port 80 or 443)`, `tcp[tcpflags] & (tcp-syn\|tcp-fin) != 0` |
//! | our own names | `stream 3 and retransmission`, `syn and not ack`, `flags == S.`, `len > 1000` |
//!
//! [`FIELDS`] lists every field. Around them:
//!
//! | written | meaning |
//! |---------|---------|
//! | `and` `&&`, `or` `\|\|`, `not` `!`, `( )` | `and` binds tighter than `or`, as in Wireshark |
//! | `==` `=` `eq`, `<` `lt`, `<=` `le`, `>` `gt`, `>=` `ge` | true when any value of the field fits: `ip.addr` and `tcp.port` have two |
//! | `!=` `ne` | true when every value differs |
//! | `===`, `!==` | every value is equal, any value differs |
//! | `in {1, 3..5}`, `not in {..}` | one of a set of values and ranges |
//! | `field & 0x02`, `field & 3 == 1` | bit tests; without a comparison, whether any of the bits is set |
//! | `contains` | bytes within bytes, given as `"text"`, `16:03` or `0x1603`; bits within flags |
//! | `tcp.payload[0:2] == 16:03` | bytes at an offset: `[offset:length]`, `[first-last]`, `[offset]`, `[:length]`, `[offset:]` |
//! | a field alone | true when the segment has it: `tcp.options.sack`, `tcp.analysis.ack_rtt` |
//! | `host` `net` `port` `portrange`, after `src` `dst` `ip` `ip6` `tcp` | as in BPF; what is left out is taken over: `port 80 or 443` |
//! | `less 100`, `greater 1000` | frame length at most, at least |
//! | `tcp[13]`, `tcp[14:2]` | bytes of the TCP header and what follows it, as in BPF |
//!
//! **A comparison with a field that the segment does not have is false**, also `!=`; `not` of it is true.
//!
//! Numbers are decimal or `0x` hexadecimal. Times are seconds (`0.1`) or name their unit (`100ms`); `frame.time` also
//! takes dates. Addresses may carry a prefix length. Flags are a number, tcpdump's letters (`S.`) or names (`syn,ack`).
//!
//! Where the two languages disagree about the same words, the expression is refused with the reason rather than read in
//! one of the two ways: `a or b and c` between BPF's words wants parentheses, and `tcp.flags.syn` alone, which is
//! true for every segment in Wireshark, wants `== 1`.
//!
//! The text is read by recursive descent into a small tree, bounded in length and depth; evaluation allocates nothing.
//!
//! | file      | subject |
//! |-----------|---------|
//! | `token`   | the words of an expression |
//! | `names`   | the names of the fields, in each language |
//! | `field`   | their values and units |
//! | `value`   | what a field is compared with, read |
//! | `parse`   | the grammar: tests and what joins them |
//! | `compare` | what may follow the name of a field |
//! | `bpf`     | BPF's primitives |
//! | `test`    | one test of a segment |
//! | `subject` | what a filter is asked about |
//! | `error`   | what is wrong with an expression, and where |
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bpf;
mod compare;
mod error;
mod field;
mod names;
mod parse;
mod subject;
mod test;
#[cfg(test)]
mod tests;
mod token;
mod value;

use std::net::SocketAddr;

pub use error::FilterError;
pub use names::FIELDS;
pub use subject::Subject;

use test::Test;

/// A filter expression, read.
#[derive(Clone, Debug)]
pub struct Filter {
    root: Node,
}

/// The tree of an expression.
#[derive(Clone, Debug)]
enum Node {
    Not(Box<Node>),
    /// True when all are; true when there is none.
    All(Vec<Node>),
    /// True when any is.
    Any(Vec<Node>),
    Test(Test),
}

impl Filter {
    /// Reads an expression. One without any word lets everything through.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parse::parse(text).map(|root| Filter { root })
    }

    /// Whether the filter lets a segment through.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        self.root.matches(subject)
    }

    /// True when addresses and ports alone decide: such a filter can be asked before anything is analysed.
    pub fn only_flow(&self) -> bool {
        self.root.every(&mut |test| test.is_flow())
    }

    /// True when the filter asks for numbers that are counted over the whole capture (frames, streams, time since the
    /// start): dropping packets unseen would change them.
    pub fn counts_packets(&self) -> bool {
        !self.root.every(&mut |test| !test.is_counted())
    }

    /// True when no segment between these two ends can pass, in either direction, whatever it carries: live capture
    /// may drop it before the analysis without changing what is shown of the others, unless
    /// [`Filter::counts_packets`] says so.
    pub fn excludes_flow(&self, one: SocketAddr, other: SocketAddr) -> bool {
        let possible = |src, dst| self.root.possible(&subject::bare_segment(src, dst), true);
        !possible(one, other) && !possible(other, one)
    }
}

impl Node {
    fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Node::Test(test) => test.matches(subject),
            Node::Not(inner) => !inner.matches(subject),
            Node::All(nodes) => nodes.iter().all(|node| node.matches(subject)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(subject)),
        }
    }

    /// Whether some segment of the flow can make this node `wanted`; where only the flow counts, this is exact.
    fn possible(&self, flow: &dyn Subject, wanted: bool) -> bool {
        match (self, wanted) {
            (Node::Test(test), _) => !test.is_flow() || test.matches(flow) == wanted,
            (Node::Not(inner), _) => inner.possible(flow, !wanted),
            (Node::All(nodes), true) | (Node::Any(nodes), false) => nodes.iter().all(|n| n.possible(flow, wanted)),
            (Node::All(nodes), false) | (Node::Any(nodes), true) => nodes.iter().any(|n| n.possible(flow, wanted)),
        }
    }

    /// Whether a condition holds for every test in the tree.
    fn every(&self, condition: &mut impl FnMut(&Test) -> bool) -> bool {
        match self {
            Node::Test(test) => condition(test),
            Node::Not(inner) => inner.every(condition),
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().all(|node| node.every(condition)),
        }
    }
}
