//! A connection at rest: its fields as varints, and of these only the bytes that are not zero. Most of what is counted
//! never happens.

use super::connection::Connection;

/// What a connection that is over should take at most. One in whose life much went wrong may take twice as much: what it
/// has to tell is why it is kept.
const LIMIT: usize = 512;

/// What nearly every connection fits in before its zeros are taken out.
const ROOM: usize = 1 << 14;

/// Bytes that one mask speaks of.
const GROUP: usize = 8;

/// Makes bytes of connections, in space that is used again.
#[derive(Default)]
pub struct Packer {
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    /// A connection as bytes. One that is over, and would take too many, gives up evidence: details of where things were
    /// seen, not that they were.
    pub fn pack(&mut self, connection: &mut Connection) -> Box<[u8]> {
        self.write(connection);
        if self.packed.len() > LIMIT && connection.is_over() {
            connection.tighten();
            self.write(connection);
        }
        self.packed.as_slice().into()
    }

    fn write(&mut self, connection: &mut Connection) {
        connection.fold(false);
        self.plain.resize(ROOM, 0);
        match postcard::to_slice(&*connection, &mut self.plain) {
            Ok(plain) => squeeze(plain, &mut self.packed),
            // Too long: a busy one with many segments on their way. Into memory without end nothing fails.
            Err(_) => squeeze(&postcard::to_allocvec(&*connection).unwrap_or_default(), &mut self.packed),
        }
        connection.fold(true);
    }
}

/// The connection that was packed into these bytes.
pub fn unpack(packed: &[u8]) -> Option<Connection> {
    let mut connection: Connection = postcard::from_bytes(&swell(packed)?).ok()?;
    connection.fold(true);
    Some(connection)
}

/// Of every eight bytes a mask that tells which are not zero, and those; after a mask of none, how many groups of none
/// follow; after a mask of all, how many groups follow as they are.
fn squeeze(plain: &[u8], packed: &mut Vec<u8>) {
    packed.clear();
    let mut groups = plain.chunks(GROUP).peekable();
    let zero = |group: &&[u8]| group.iter().all(|byte| *byte == 0);
    let full = |group: &&[u8]| group.len() == GROUP && group.iter().filter(|byte| **byte == 0).count() < 2;
    while let Some(group) = groups.next() {
        let mask = group.iter().enumerate().fold(0u8, |mask, (at, byte)| mask | u8::from(*byte != 0) << at);
        packed.push(mask);
        packed.extend(group.iter().filter(|byte| **byte != 0));
        match mask {
            0 => {
                let mut more = 0;
                while more < u8::MAX && groups.next_if(zero).is_some() {
                    more += 1;
                }
                packed.push(more);
            }
            u8::MAX => {
                let at = packed.len();
                packed.push(0);
                let mut more = 0;
                while more < u8::MAX
                    && let Some(group) = groups.next_if(full)
                {
                    packed.extend_from_slice(group);
                    more += 1;
                }
                if let Some(count) = packed.get_mut(at) {
                    *count = more;
                }
            }
            _ => {}
        }
    }
}

/// Undoes [`squeeze`]; what is longer than it was ends in zeros.
fn swell(packed: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(packed.len() * 2);
    let mut rest = packed.iter();
    while let Some(mask) = rest.next() {
        for at in 0..GROUP {
            plain.push(if mask & 1 << at != 0 { *rest.next()? } else { 0 });
        }
        match *mask {
            0 => plain.resize(plain.len() + usize::from(*rest.next()?) * GROUP, 0),
            u8::MAX => {
                let count = usize::from(*rest.next()?) * GROUP;
                let (raw, after) = rest.as_slice().split_at_checked(count)?;
                plain.extend_from_slice(raw);
                rest = after.iter();
            }
            _ => {}
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_squeezed_swells_to_the_same(plain in prop::collection::vec(prop_oneof![3 => Just(0u8), 2 => any::<u8>()], 0..600)) {
            let mut packed = Vec::new();
            squeeze(&plain, &mut packed);
            let swollen = swell(&packed).unwrap();
            prop_assert_eq!(&swollen[..plain.len()], &plain[..]);
            prop_assert!(swollen[plain.len()..].iter().all(|byte| *byte == 0));
        }

        #[test]
        fn no_bytes_make_it_panic(packed in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&packed);
        }
    }
}
