//! Files that are no capture that we read, told by how they begin.

use super::error::ReadError;

/// How gzip begins.
pub(super) const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

const CONVERT: &str = "convert it first, for instance with editcap -F pcapng FILE NEW";
const AGAIN: &str = "transfer it again in binary mode";

/// Beginnings, what they tell, and the remedy. A longer beginning stands before a shorter one that it contains.
const KNOWN: &[(&[u8], &str, &str)] = &[
    // Compression.
    (&GZIP, "gzip inside gzip", "decompress it first: zcat FILE | tcpkit inspect -"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first: zstd -dc FILE | tcpkit inspect -"),
    (b"\xfd7zXZ\0", "compressed with xz", "decompress it first: xz -dc FILE | tcpkit inspect -"),
    (b"BZh", "compressed with bzip2", "decompress it first: bzip2 -dc FILE | tcpkit inspect -"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "decompress it first: lz4 -dc FILE | tcpkit inspect -"),
    (b"\x02\x21\x4c\x18", "compressed with lz4", "decompress it first: lz4 -dc FILE | tcpkit inspect -"),
    (b"\x89LZO\0", "compressed with lzop", "decompress it first: lzop -dc FILE | tcpkit inspect -"),
    (b"LZIP", "compressed with lzip", "decompress it first: lzip -dc FILE | tcpkit inspect -"),
    (b"\x5d\0\0", "compressed with lzma", "decompress it first: lzma -dc FILE | tcpkit inspect -"),
    (b"\x1f\x9d", "compressed with compress", "decompress it first: zcat FILE | tcpkit inspect -"),
    (b"\xff\x06\0\0sNaPpY", "compressed with snappy", "decompress it first"),
    (b"PK\x03\x04", "a ZIP archive", "take the capture out of it: unzip -p FILE | tcpkit inspect -"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "take the capture out of it: 7z x -so FILE | tcpkit inspect -"),
    (b"Rar!\x1a\x07", "a RAR archive", "take the capture out of it first"),
    // Other captures.
    (b"GMBU", "a Microsoft Network Monitor 2 capture", CONVERT),
    (b"RTSS", "a Microsoft Network Monitor 1 capture", CONVERT),
    (b"TRSNIFF data    \x1a", "a Network Associates Sniffer capture", CONVERT),
    (b"VL\0\0", "a Cinco NetXRay capture", CONVERT),
    (b"XCP\0", "a NetXRay or Windows Sniffer capture", CONVERT),
    (b"snoop\0\0\0", "a snoop capture", CONVERT),
    (b"\0\0\0\x01\0\0\0\0\0\x07\xd0\0", "an HP-UX 9 nettl trace", CONVERT),
    (b"TR\0d\0", "an HP-UX nettl trace", CONVERT),
    (b"iptrace 1.0", "an AIX iptrace capture", CONVERT),
    (b"iptrace 2.0", "an AIX iptrace capture", CONVERT),
    (b"\x05VNF", "a Visual Networks capture", CONVERT),
    (b"\x01\x10\x4c\0\x01\x05Trace Display", "a Novell LANalyzer capture", CONVERT),
    (b"\x07\x10\x4c\0\x01\x05Trace Display", "a Novell LANalyzer capture", CONVERT),
    (b"\x7fver", "an EtherPeek or OmniPeek capture", CONVERT),
    (b"Session Transcript", "a Catapult DCT2000 log", CONVERT),
    (b"btsnoop\0", "a Bluetooth HCI log (btsnoop)", CONVERT),
    (b"ObserverPktBuffer", "a Network Instruments Observer capture", CONVERT),
    (b"\0\0\x02\0\x12\x05\0\x10", "a Tektronix K12 capture", CONVERT),
    (b"\xaa\xaa\xaa\xaa", "an InfoVista 5View capture", CONVERT),
    (b"LOGG", "a Vector BLF log", CONVERT),
    (b"#!rtpplay1.0 ", "an rtpdump file", CONVERT),
    (b"NetScaler", "a Citrix NetScaler trace", CONVERT),
    (b"NetS", "a Citrix NetScaler trace", CONVERT),
    (b"EyeSDN", "an EyeSDN trace", CONVERT),
    (b"MPCSII", "a Micropross mplog", CONVERT),
    (b"TCPIPtrace", "a VMS TCPIPtrace", CONVERT),
    (b"ETHERWATCH ", "a DBS Etherwatch trace", CONVERT),
    (b"#Format=4\r\n", "a Daintree sensor network capture", CONVERT),
    (b"NCFX", "a CommView NCFX capture", CONVERT),
    (b"cpse", "a Colasoft Capsa capture", CONVERT),
    (b"V0208\0\0", "an Aethra capture", CONVERT),
    (b"LPKSHHRH", "a systemd journal", "read it with journalctl"),
    (b"\xa1\xb2\x34\xcd", "a pcap file in F. Mesquita's variant", CONVERT),
    (b"\xcd\x34\xb2\xa1", "a pcap file in F. Mesquita's variant", CONVERT),
    (b"\xa1\x2b\x3c\x4d", "a pcap file in Navtel's variant", CONVERT),
    (b"\x4d\x3c\x2b\xa1", "a pcap file in Navtel's variant", CONVERT),
    // What a transfer in text mode leaves of pcapng's first bytes, 0A 0D 0D 0A.
    (b"\r\n\r\r\r\n", "pcapng damaged by a transfer in text mode", AGAIN),
    (b"\n\r\r\r\n", "pcapng damaged by a transfer in text mode", AGAIN),
    (b"\r\n\r\r\n", "pcapng damaged by a transfer in text mode", AGAIN),
    (b"\n\r\n", "pcapng damaged by a transfer in text mode", AGAIN),
    (b"\n\n\n\n", "pcapng damaged by a transfer in text mode", AGAIN),
    (b"\r\r\r\r", "pcapng damaged by a transfer in text mode", AGAIN),
    // What people give by mistake.
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself: git lfs pull"),
    (b"%PDF", "a PDF document", ""),
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"\x7fELF", "a program (ELF)", ""),
    (b"MZ", "a Windows program", ""),
    (b"SQLite format 3\0", "an SQLite database", ""),
    (b"PAR1", "a Parquet table", ""),
    (b"\xef\xbb\xbf", "a text file", "give the capture itself"),
    (b"\xff\xfe", "a text file (UTF-16)", "give the capture itself"),
    (b"\xfe\xff", "a text file (UTF-16)", "give the capture itself"),
];

/// The refusal of a file that begins with `begin`.
pub(super) fn refuse(begin: &[u8]) -> ReadError {
    let (name, remedy) = identify(begin);
    ReadError::Foreign { name, remedy }
}

fn identify(begin: &[u8]) -> (&'static str, &'static str) {
    if let Some((_, name, remedy)) = KNOWN.iter().find(|(magic, ..)| begin.starts_with(magic)) {
        return (name, remedy);
    }
    if begin.get(257..262) == Some(b"ustar") {
        return ("a tar archive", "take the capture out of it: tar -xOf FILE | tcpkit inspect -");
    }
    if begin.iter().all(|byte| *byte == 0) {
        return ("zeros", "the capture was never written, or its disk was full");
    }
    // A beginning may end inside of a character, so text is judged by the bytes that no text has.
    if begin.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..)) {
        return identify_text(begin.trim_ascii_start());
    }
    ("of an unknown format", "give a pcap or pcapng file")
}

fn identify_text(begin: &[u8]) -> (&'static str, &'static str) {
    let begins = |word: &str| begin.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    let remedy = "give the capture itself";
    if begins("<!doctype html") || begins("<html") {
        ("a web page (HTML)", "the download may have brought a login or error page: fetch the capture itself")
    } else if begins("<?xml") || begins("<pdml") || begins("<psml") {
        ("an XML document", remedy)
    } else if begins("{") || begins("[") {
        ("JSON", remedy)
    } else if begin.is_ascii() || std::str::from_utf8(begin).is_ok_and(|text| text.chars().count() > 1) {
        ("a text file", remedy)
    } else {
        ("of an unknown format", "give a pcap or pcapng file")
    }
}
