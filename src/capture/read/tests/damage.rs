//! Files that are cut, altered, compressed, or of another kind.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn pcap() -> Vec<u8> {
    let mut file = BIG.pcap(0xa1b2_c3d4, (2, 4), 96, 1);
    for length in [0, 1, 7, 30] {
        file.extend(BIG.record([9, 1, length, 60], &vec![length as u8; length as usize]));
    }
    file
}

fn pcapng() -> Vec<u8> {
    let options = [LITTLE.option(1, b"comment"), LITTLE.option(2, &[2, 0, 0, 0]), LITTLE.option(0, &[])].concat();
    [
        LITTLE.section(&LITTLE.option(4, b"program")),
        LITTLE.interface(1, 0, &LITTLE.option(9, &[9])),
        LITTLE.packet(0, 1, 60, b"first", &options),
        LITTLE.block(5, &[0; 12]),
        LITTLE.block(0x0bad, b"some bytes"),
        BIG.section(&[]),
        BIG.interface(101, 0, &BIG.option(2, b"eth0")),
        BIG.packet(0, 2, 60, b"second", &[]),
        BIG.block(3, &[&BIG.u32(5)[..], b"third\0\0\0"].concat()),
        BIG.packet(0, 3, 60, b"fourth", &BIG.option(4, &[1; 8])),
    ]
    .concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Where in the file each packet ends, found by reading.
fn ends(file: &[u8]) -> Vec<u64> {
    let mut reader = Reader::new(Box::new(Cursor::new(file.to_vec()))).unwrap();
    let mut ends = Vec::new();
    while reader.next().unwrap().is_some() {
        ends.push(reader.facts().bytes);
    }
    ends
}

#[test]
fn a_file_cut_anywhere_gives_the_packets_before_the_cut_and_names_the_place() {
    for file in [pcap(), pcapng()] {
        let (all, ends) = (packets(&file), ends(&file));
        assert_eq!(all.len(), 4);
        for cut in 0..file.len() {
            let whole = read(&file[..cut]);
            let complete = ends.iter().filter(|end| **end <= cut as u64).count();
            assert_eq!(whole.packets, all[..complete], "cut at {cut}");
            match whole.error {
                None => {
                    // Between two records or blocks a cut cannot be seen.
                    assert_eq!(whole.facts.bytes, cut as u64);
                }
                Some(ReadError::Empty) => assert_eq!(cut, 0),
                Some(ReadError::Truncated { at, needed, had, .. }) => {
                    assert_eq!((at.offset + had, at.packet), (cut as u64, complete as u64 + 1), "cut at {cut}");
                    assert!(needed > had);
                }
                Some(other) => panic!("cut at {cut}: {other}"),
            }
        }
    }
}

#[test]
fn no_altered_byte_makes_it_panic_or_go_on_for_ever() {
    for file in [pcap(), pcapng()] {
        for at in 0..file.len() {
            for value in [0x00, 0xff, 0x7f, 0x80, file[at] ^ 1] {
                let mut altered = file.clone();
                altered[at] = value;
                let whole = read(&altered);
                assert!(whole.packets.len() <= file.len() / 12);
                if let Some(error) = whole.error {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}

#[test]
fn input_that_comes_a_few_bytes_at_a_time_is_read_the_same() {
    for file in [pcap(), pcapng(), gzip(&pcap())] {
        assert_eq!(read_from(Box::new(Trickle(Cursor::new(file.clone())))).packets, packets(&file));
    }
}

#[test]
fn gzip_is_undone_also_when_it_has_several_members() {
    let file = pcapng();
    let (first, second) = file.split_at(file.len() / 2);
    for compressed in [gzip(&file), [gzip(first), gzip(second)].concat()] {
        let whole = read(&compressed);
        assert!(whole.facts.gzip && whole.error.is_none());
        assert_eq!((whole.packets, whole.facts.bytes), (packets(&file), file.len() as u64));
    }
    assert!(matches!(read(&gzip(b"")).error, Some(ReadError::Empty)));
    assert!(refusal(&gzip(&gzip(&file))).contains("gzip inside gzip"));
}

#[test]
fn a_cut_gzip_file_gives_what_was_readable_and_then_the_error() {
    let mut file = LITTLE.pcap(0xa1b2_c3d4, (2, 4), 96, 1);
    let mut noise = 1u32;
    for second in 0..2000 {
        let bytes: Vec<u8> = (0..60)
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .collect();
        file.extend(LITTLE.record([second, 0, 60, 60], &bytes));
    }
    let compressed = gzip(&file);
    for cut in [5, 12, 100, compressed.len() / 2, compressed.len() - 1] {
        let whole = read(&compressed[..cut]);
        let error = whole.error.expect("a cut is seen");
        assert!(matches!(error, ReadError::Io { .. }), "cut at {cut}: {error}");
        assert!(error.to_string().contains("the compressed file is cut short"), "{error}");
        let least = if cut > 1000 { 900 } else { 0 };
        assert!((least..=2000).contains(&whole.packets.len()), "cut at {cut}: {}", whole.packets.len());
        assert_eq!(whole.packets, packets(&file)[..whole.packets.len()]);
    }
    assert_eq!(read(&compressed[..compressed.len() - 1]).packets.len(), 2000);
}

#[test]
fn a_failing_input_gives_the_packets_before_the_failure() {
    struct Fails(Cursor<Vec<u8>>);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                count => Ok(count),
            }
        }
    }
    let file = pcap();
    let whole = read_from(Box::new(Fails(Cursor::new(file.clone()))));
    assert_eq!(whole.packets.len(), 4);
    let said = whole.error.unwrap().to_string();
    let place = format!("byte {}, packet 5", file.len());
    assert_eq!(said, format!("{place}: reading failed: the disk is gone; the packets before it are good"));
}

#[test]
fn other_files_are_refused_by_name() {
    for (begin, name) in [
        (&b"GMBU\0\x02"[..], "Network Monitor 2"),
        (b"RTSS\0", "Network Monitor 1"),
        (b"TRSNIFF data    \x1a", "Sniffer"),
        (b"XCP\x001.", "NetXRay"),
        (b"snoop\0\0\0\0\0\0\x02", "snoop"),
        (b"iptrace 2.0", "iptrace"),
        (b"btsnoop\0", "btsnoop"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed with zstd: decompress it first: zstd -dc FILE | tcpkit inspect -"),
        (b"\xfd7zXZ\0", "compressed with xz"),
        (b"BZh91AY", "compressed with bzip2"),
        (b"\x04\x22\x4d\x18", "compressed with lz4"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"{\"frame\": 1}", "JSON"),
        (b"12:00 IP a > b", "text"),
        ("caf\u{e9}".as_bytes(), "text"),
        (b"\0\0\0\0\0\0", "zeros"),
        (b"\n\r\r\r\nl", "text mode"),
        (b"\x01\x02\x03\x04", "unknown format"),
        (b"\x01", "unknown format"),
    ] {
        let said = refusal(begin);
        assert!(said.contains(name), "{begin:?}: {said}");
    }
    assert!(refusal(b"").contains("empty"));
    assert!(refusal(&[0x1f, 0x8b]).contains("cut short"));
}
