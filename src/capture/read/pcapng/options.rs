//! The option lists of pcapng blocks.

use super::super::facts::ByteOrder;

/// An option: its code, its value, and where in the list the value begins.
pub(super) struct Opt<'a> {
    pub(super) code: u16,
    pub(super) value: &'a [u8],
    pub(super) at: usize,
}

/// Walks a list once, to its end mark, its end, or the first option that does not fit.
pub(super) struct Options<'a> {
    list: &'a [u8],
    order: ByteOrder,
    at: usize,
    damaged: bool,
}

impl<'a> Options<'a> {
    pub(super) fn new(list: &'a [u8], order: ByteOrder) -> Self {
        Options { list, order, at: 0, damaged: false }
    }

    /// Whether the walk ended at an option that does not fit.
    pub(super) fn damaged(&self) -> bool {
        self.damaged
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Opt<'a>;

    fn next(&mut self) -> Option<Opt<'a>> {
        let rest = self.list.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return None;
        }
        let header = rest.first_chunk::<4>();
        let Some(&[c0, c1, l0, l1]) = header else {
            self.damaged = true;
            self.at = self.list.len();
            return None;
        };
        let (code, len) = (self.order.u16([c0, c1]), usize::from(self.order.u16([l0, l1])));
        if code == 0 {
            self.at = self.list.len();
            return None;
        }
        let Some(value) = rest.get(4..4 + len) else {
            self.damaged = true;
            self.at = self.list.len();
            return None;
        };
        let at = self.at + 4;
        self.at = at + len.next_multiple_of(4);
        Some(Opt { code, value, at })
    }
}
