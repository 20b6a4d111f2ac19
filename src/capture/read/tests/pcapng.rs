//! pcapng: sections, interfaces, options.

use super::*;

#[test]
fn sections_of_both_byte_orders_number_their_interfaces_anew() {
    let mut file = Vec::new();
    for (order, link) in [(LITTLE, 1), (BIG, 101)] {
        file.extend(order.section(&[]));
        file.extend(order.interface(113, 0, &[]));
        file.extend(order.interface(link, 0, &[]));
        file.extend(order.packet(1, 5, 60, b"abcde", &[]));
    }
    let whole = read(&file);
    assert!(whole.error.is_none());
    let seen: Vec<_> = whole.packets.iter().map(|packet| (packet.interface, packet.link, packet.time)).collect();
    assert_eq!(seen, [(1, LinkType::ETHERNET, Some(5_000)), (3, LinkType::RAW, Some(5_000))]);
    assert_eq!((whole.facts.sections, whole.facts.mixed_order, whole.facts.interfaces.len()), (2, true, 4));
}

#[test]
fn every_resolution_and_offset_gives_nanoseconds() {
    let seconds = 1_700_000_000u64;
    for (resolution, stamp, nanos) in [
        (0, seconds, seconds * 1_000_000_000),
        (3, seconds * 1000 + 7, seconds * 1_000_000_000 + 7_000_000),
        (9, seconds * 1_000_000_000 + 7, seconds * 1_000_000_000 + 7),
        (12, 1_234_567_890_123, 1_234_567_890),
        (28, u64::MAX, 1),
        (29, u64::MAX, 0),
        (127, u64::MAX, 0),
        (0x80, 5, 5_000_000_000),
        (0x80 | 10, 1536, 1_500_000_000),
        (0x80 | 63, 1 << 63, 1_000_000_000),
        (0xff, u64::MAX, 0),
        (0, u64::MAX, u64::MAX),
    ] {
        assert_eq!(Resolution(resolution).time(stamp).as_nanos(), nanos, "{resolution:#x}");
    }
    for (offset, expected) in
        [(10i64, 12_000_000_000), (-1, 1_000_000_000), (-5, 0), (i64::MAX, u64::MAX / 2 + 2_000_000_000)]
    {
        let options = [LITTLE.option(9, &[9]), LITTLE.option(14, &offset.to_le_bytes())].concat();
        let file =
            [LITTLE.section(&[]), LITTLE.interface(1, 0, &options), LITTLE.packet(0, 2_000_000_000, 1, b"a", &[])]
                .concat();
        assert_eq!(packets(&file)[0].time, Some(expected), "{offset}");
    }
}

#[test]
fn options_of_a_packet_give_direction_comment_and_losses() {
    for order in [LITTLE, BIG] {
        let options = [
            order.option(2, &order.u32(0x1_0002)),
            order.option(1, b"why \xff"),
            order.option(1, b"second"),
            order.option(4, &order.u64(3)),
            order.option(0, &[]),
            b"junk".to_vec(),
        ]
        .concat();
        let packet = order.packet(0, 1, 9, b"abcde", &options);
        let whole = read(&[order.section(&[]), order.interface(1, 0, &[]), packet.clone(), packet].concat());
        assert!(whole.error.is_none());
        assert_eq!(whole.packets[0].direction, Some(Direction::Out));
        assert_eq!(whole.packets[0].comment.as_deref(), Some("why \u{fffd}"));
        assert_eq!((whole.facts.dropped(), whole.facts.damaged_options), (6, 0));
    }
}

#[test]
fn a_damaged_option_list_does_not_cost_the_packet() {
    for tail in [&b"\x01\x00\xff\xffabcd"[..], b"\x01\x00\x09\x00abcd"] {
        let packet = LITTLE.packet(0, 1, 9, b"abcd", &[&LITTLE.option(2, &[1, 0, 0, 0])[..], tail].concat());
        let whole = read(&[LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), packet].concat());
        assert!(whole.error.is_none());
        assert_eq!(whole.packets[0].direction, Some(Direction::In));
        assert_eq!((whole.packets[0].comment.as_deref(), whole.facts.damaged_options), (None, 1));
    }
}

#[test]
fn what_the_file_says_about_itself_is_kept() {
    let section = [
        LITTLE.option(1, b"taken at noon\0"),
        LITTLE.option(2, b"hardware"),
        LITTLE.option(3, b"system"),
        LITTLE.option(4, b"program"),
    ];
    let interface = [
        LITTLE.option(2, b"eth0"),
        LITTLE.option(3, b"the cable"),
        LITTLE.option(11, b"\0tcp port 80"),
        LITTLE.option(12, b"Linux"),
        LITTLE.option(13, &[4]),
        LITTLE.option(1, b"on the left"),
    ];
    let mut statistics = [0; 12].to_vec();
    for (code, count) in [(4, 100), (5, 7), (7, 2)] {
        statistics.extend(LITTLE.option(code, &LITTLE.u64(count)));
    }
    let file =
        [LITTLE.section(&section.concat()), LITTLE.interface(1, 96, &interface.concat()), LITTLE.block(5, &statistics)];
    let facts = read(&file.concat()).facts;
    assert_eq!(facts.comments, ["taken at noon", "on the left"]);
    let about = [&facts.hardware, &facts.os, &facts.application].map(|text| text.as_deref().unwrap());
    assert_eq!(about, ["hardware", "system", "program"]);
    let interface = &facts.interfaces[0];
    let about = [&interface.name, &interface.description, &interface.filter, &interface.os];
    assert_eq!(about.map(|text| text.as_deref().unwrap()), ["eth0", "the cable", "tcp port 80", "Linux"]);
    assert_eq!((interface.snaplen, interface.fcs, interface.received, facts.dropped()), (96, Some(4), Some(100), 9));
}

#[test]
fn simple_and_obsolete_packets_are_read() {
    let simple = LITTLE.block(3, &[&LITTLE.u32(9)[..], b"abcdefgh"].concat());
    let old = [LITTLE.u16(0), LITTLE.u16(3)].concat();
    let numbers = [0, 5, 3, 9].map(|value| LITTLE.u32(value)).concat();
    let old = LITTLE.block(2, &[&old[..], &numbers, b"xyz\0", &LITTLE.option(2, &[2, 0, 0, 0])].concat());
    let whole = read(&[LITTLE.section(&[]), LITTLE.interface(1, 5, &[]), simple, old].concat());
    assert!(whole.error.is_none());
    let [simple, old] = &whole.packets[..] else { panic!("two packets") };
    assert_eq!((simple.time, &simple.bytes[..], simple.original_len), (None, &b"abcde"[..], 9));
    assert_eq!((old.time, &old.bytes[..], old.direction), (Some(5_000), &b"xyz"[..], Some(Direction::Out)));
    assert_eq!(whole.facts.dropped(), 3);
}

#[test]
fn unknown_blocks_are_passed_over_however_long() {
    let unknown = LITTLE.block(0x7777, &vec![9; 1_000_000]);
    let file = [LITTLE.section(&[]), unknown, LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 1, 1, b"a", &[])].concat();
    assert_eq!(packets(&file).len(), 1);
}

#[test]
fn a_packet_of_an_undescribed_interface_is_refused_with_both_numbers() {
    let said = refusal(&[LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), LITTLE.packet(7, 1, 1, b"a", &[])].concat());
    assert_eq!(said, "byte 48, packet 1: the packet is from interface 7, but only 1 are described before it");
}

#[test]
fn the_two_lengths_of_a_block_must_agree() {
    for kind in [6, 0x7777] {
        let mut block = LITTLE.block(kind, &[0; 24]);
        let at = block.len() - 4;
        block[at] = 99;
        let said = refusal(&[LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), block].concat());
        let expected = "the file is damaged: the block is 36 bytes long by its beginning, 99 by its end";
        assert_eq!(said, format!("byte 48, packet 1: {expected}"));
    }
}

#[test]
fn a_section_of_another_version_is_refused_with_its_number() {
    let mut section = LITTLE.section(&[]);
    section[12] = 2;
    assert!(refusal(&section).contains("the major version of the section is 2"));
}

#[test]
fn declared_sizes_cost_no_memory() {
    let head = [&LITTLE.u32(6)[..], &LITTLE.u32(u32::MAX - 3)].concat();
    let said = refusal(&[LITTLE.section(&[]), head].concat());
    assert!(said.contains("the block claims 4294967292 bytes, at most 268435456 are possible"), "{said}");
    let head = [&LITTLE.u32(6)[..], &LITTLE.u32(200 << 20)].concat();
    let said = refusal(&[LITTLE.section(&[]), head].concat());
    assert!(said.contains("the block needs 209715200 bytes, 8 are there"), "{said}");
    let packet = LITTLE.block(6, &[0, 0, 0, u32::MAX, 5].map(|value| LITTLE.u32(value)).concat());
    let said = refusal(&[LITTLE.section(&[]), LITTLE.interface(1, 0, &[]), packet].concat());
    assert!(said.contains("the packet in the block claims 4294967295 bytes, at most 0"), "{said}");
}

#[test]
fn interfaces_and_texts_are_kept_up_to_a_limit() {
    let interface = LITTLE.interface(1, 0, &LITTLE.option(2, &[b'n'; 60]));
    let whole = read(&[LITTLE.section(&[]), interface.repeat(65_537)].concat());
    assert!(whole.error.unwrap().to_string().contains("more than 65536 interfaces are declared"));
    assert_eq!((whole.facts.interfaces.len(), whole.facts.text_omitted), (65_536, true));
    assert!(whole.facts.interfaces.iter().filter(|interface| interface.name.is_some()).count() < 10_000);

    let whole = read(&LITTLE.section(&LITTLE.option(1, b"").repeat(1_000_000)));
    assert!(whole.error.is_none() && whole.facts.text_omitted);
    assert!(whole.facts.comments.len() < 50_000);
}
