use super::*;
use proptest::prelude::*;

fn walk(bytes: &[u8]) -> Vec<Result<TcpOption<'_>, Malformed>> {
    options(bytes).collect()
}

fn block(left: u32, right: u32) -> SackBlock {
    SackBlock { left: SeqNum(left), right: SeqNum(right) }
}

#[test]
fn every_known_option_survives_writing_and_reading() {
    let mut blocks = SackBlocks::default();
    blocks.push(block(1, 2));
    blocks.push(block(0xffff_ff00, 3));
    let all = [
        TcpOption::Mss(1460),
        TcpOption::WindowScale(7),
        TcpOption::SackPermitted,
        TcpOption::Sack(blocks),
        TcpOption::Timestamps { value: 1, echo: 0xffff_ffff },
        TcpOption::FastOpen { cookie: b"12345678", experimental: false },
        TcpOption::FastOpen { cookie: b"", experimental: true },
        TcpOption::UserTimeout { minutes: true, value: 300 },
        TcpOption::Md5(&[7; 16]),
        TcpOption::Ao(&[1, 2, 3, 4]),
        TcpOption::AccEcn { order_1: false, counters: &[0, 0, 1, 0, 0, 2] },
        TcpOption::AccEcn { order_1: true, counters: &[0, 0, 1] },
        TcpOption::Unknown { kind: 77, data: &[9] },
    ];
    for option in all {
        let mut bytes = OptionBytes::new();
        bytes.push(option).unwrap();
        assert_eq!(bytes.as_slice().len() % 4, 0);
        assert_eq!(walk(bytes.as_slice())[0], Ok(option), "{option:?}");
    }
}

#[test]
fn a_syn_is_laid_out_as_linux_lays_it_out() {
    let syn = TcpOptions {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some((0x01020304, 0)),
        ..Default::default()
    };
    let expected = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
    assert_eq!(syn.to_bytes().as_slice(), expected);
    assert_eq!(TcpOptions::parse(&expected), syn);
}

#[test]
fn three_sack_blocks_fit_beside_timestamps_and_four_without() {
    let mut sack = SackBlocks::default();
    for n in 0..4 {
        assert!(sack.push(block(n * 10, n * 10 + 5)));
    }
    assert!(!sack.push(block(90, 95)));
    for (timestamps, fitting) in [(Some((1, 2)), 3), (None, 4)] {
        let bytes = TcpOptions { sack, timestamps, ..Default::default() }.to_bytes();
        assert!(bytes.as_slice().len() <= 40);
        let read = TcpOptions::parse(bytes.as_slice());
        assert_eq!(read.sack.as_slice(), &sack.as_slice()[..fitting]);
        assert_eq!(read.timestamps, timestamps);
    }
}

#[test]
fn an_option_that_claims_no_length_ends_the_walk_with_its_numbers() {
    let walked = walk(&[1, 2, 0, 5, 180]);
    assert_eq!(walked.len(), 2);
    assert_eq!(walked[1].unwrap_err().to_string(), "TCP option length (offset 1) says 0, must be at least 2");
    assert_eq!(walk(&[2, 4, 5])[0].unwrap_err().to_string(), "TCP option needs 4 bytes, 3 are there");
    assert_eq!(walk(&[3])[0].unwrap_err().to_string(), "TCP option length needs 2 bytes, 1 are there");
}

#[test]
fn an_option_with_a_length_its_kind_does_not_have_is_kept_as_unknown() {
    let read = walk(&[2, 3, 9, 4, 2]);
    assert_eq!(read, [Ok(TcpOption::Unknown { kind: 2, data: &[9] }), Ok(TcpOption::SackPermitted)]);
}

#[test]
fn nothing_after_the_end_of_list_is_read() {
    assert_eq!(walk(&[0, 2, 4, 5, 180]), [Ok(TcpOption::End)]);
}

#[test]
fn what_does_not_fit_is_refused_whole() {
    let mut bytes = OptionBytes::new();
    bytes.push(TcpOption::Unknown { kind: 9, data: &[0; 30] }).unwrap();
    let error = bytes.push(TcpOption::Timestamps { value: 1, echo: 2 }).unwrap_err();
    assert_eq!(error.to_string(), "TCP option space needs 10 bytes, 8 are there");
    assert_eq!(bytes.as_slice().len(), 32);
}

proptest! {
    #[test]
    fn no_bytes_panic_or_loop(bytes: Vec<u8>) {
        prop_assert!(options(&bytes).count() <= bytes.len());
        let _ = TcpOptions::parse(&bytes);
    }

    #[test]
    fn sets_of_options_read_back(mss: Option<u16>, scale in proptest::option::of(0u8..=14), sack_permitted: bool,
                                 timestamps: Option<(u32, u32)>) {
        let set = TcpOptions { mss, window_scale: scale, sack_permitted, timestamps, ..Default::default() };
        prop_assert_eq!(TcpOptions::parse(set.to_bytes().as_slice()), set);
    }
}
