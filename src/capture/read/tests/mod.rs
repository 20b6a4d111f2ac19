//! Files in, packets out.

mod appended;
mod damage;
mod pcap;
mod pcapng;
mod written;

use std::io::{Cursor, Read};

use super::*;

/// A packet that was read, with bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packet {
    time: Option<u64>,
    interface: u32,
    link: LinkType,
    bytes: Vec<u8>,
    original_len: u32,
    direction: Option<Direction>,
    comment: Option<String>,
}

/// Everything that a file gives: its packets, its facts, and why it stopped.
struct Whole {
    packets: Vec<Packet>,
    facts: Facts,
    error: Option<ReadError>,
}

/// Hands out few bytes at a time, as a pipe may.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(7);
        self.0.read(&mut buffer[..most])
    }
}

fn read_from(input: Box<dyn Read + Send>) -> Whole {
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return Whole { packets: Vec::new(), facts: Facts::default(), error: Some(error) },
    };
    let mut packets = Vec::new();
    let error = loop {
        match reader.next() {
            Ok(Some(frame)) => packets.push(Packet {
                time: frame.time.map(Time::as_nanos),
                interface: frame.interface,
                link: frame.link,
                bytes: frame.bytes.to_vec(),
                original_len: frame.original_len,
                direction: frame.direction,
                comment: frame.comment_text().map(Cow::into_owned),
            }),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert_eq!(reader.next().unwrap(), None, "after the end there is nothing");
    assert_eq!(reader.facts().packets, packets.len() as u64);
    Whole { packets, facts: reader.facts().clone(), error }
}

fn read(file: &[u8]) -> Whole {
    read_from(Box::new(Cursor::new(file.to_vec())))
}

/// The packets of a file that is good to its end.
fn packets(file: &[u8]) -> Vec<Packet> {
    let whole = read(file);
    assert!(whole.error.is_none(), "{:?}", whole.error);
    whole.packets
}

/// What a file is refused with.
fn refusal(file: &[u8]) -> String {
    read(file).error.expect("the file is refused").to_string()
}

/// Numbers in either byte order.
#[derive(Clone, Copy)]
struct Order(ByteOrder);

const LITTLE: Order = Order(ByteOrder::Little);
const BIG: Order = Order(ByteOrder::Big);

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.0 == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
    fn u32(self, value: u32) -> [u8; 4] {
        if self.0 == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
    fn u64(self, value: u64) -> [u8; 8] {
        if self.0 == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn pcap(self, magic: u32, version: (u16, u16), snaplen: u32, network: u32) -> Vec<u8> {
        let mut file = self.u32(magic).to_vec();
        file.extend([self.u16(version.0), self.u16(version.1)].concat());
        file.extend([0, 0, snaplen, network].map(|value| self.u32(value)).concat());
        file
    }

    fn record(self, numbers: [u32; 4], bytes: &[u8]) -> Vec<u8> {
        [numbers.map(|value| self.u32(value)).concat(), bytes.to_vec()].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = self.u32(body.len() as u32 + 12);
        [&self.u32(kind)[..], &length, &body, &length].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [self.u16(code), self.u16(value.len() as u16)].concat();
        option.extend(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn section(self, options: &[u8]) -> Vec<u8> {
        let fixed = [&self.u32(0x1a2b_3c4d)[..], &self.u16(1), &self.u16(0), &self.u64(u64::MAX)].concat();
        self.block(0x0a0d_0d0a, &[&fixed, options].concat())
    }

    fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        self.block(1, &[&self.u16(link)[..], &[0, 0], &self.u32(snaplen), options].concat())
    }

    fn packet(self, interface: u32, stamp: u64, original: u32, bytes: &[u8], options: &[u8]) -> Vec<u8> {
        let numbers = [interface, (stamp >> 32) as u32, stamp as u32, bytes.len() as u32, original];
        let mut body = numbers.map(|value| self.u32(value)).concat();
        body.extend(bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }
}
