//! Draws the cat of testdata/cat.jpg, and makes the files that tests and examples serve.
//!
//!     cargo run --example draw_cat
//!
//! The files are kept in testdata/; this program shows where they come from.

use std::fs;
use std::io;

const SIZE: usize = 480;

fn main() -> io::Result<()> {
    let jpeg = draw();
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        jpeg.len()
    )
    .into_bytes();
    response.extend_from_slice(&jpeg);
    fs::write("testdata/cat.jpg", &jpeg)?;
    fs::write("testdata/image.txt", &response)?;
    fs::write("testdata/input.txt", [b'A'; 16_385])?;
    println!("cat.jpg has {} bytes", jpeg.len());
    Ok(())
}

fn draw() -> Vec<u8> {
    let mut pixels = Vec::with_capacity(SIZE * SIZE * 3);
    for y in 0..SIZE {
        for x in 0..SIZE {
            let (u, v) = (x as f32 / SIZE as f32 - 0.5, y as f32 / SIZE as f32 - 0.5);
            // A little fur everywhere makes the file as large as a photograph's.
            let fur = noise(x as u32, y as u32) * 46.0 - 23.0;
            pixels.extend(colour(u, v).map(|c| (c + fur).clamp(0.0, 255.0) as u8));
        }
    }
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 94);
    encoder
        .encode(&pixels, SIZE as u16, SIZE as u16, jpeg_encoder::ColorType::Rgb)
        .expect("the picture is well-formed");
    jpeg
}

/// The cat, back to front: what is nearer is asked later and wins.
fn colour(u: f32, v: f32) -> [f32; 3] {
    let mut colour = [120.0 + 90.0 * (0.5 - v), 170.0 + 40.0 * (0.5 - v), 215.0];
    let grey = 150.0 + 40.0 * (u * 26.0 + (v * 9.0).sin()).sin();
    let coat = [grey, grey * 0.82, grey * 0.62];
    let inside = |cx: f32, cy: f32, rx: f32, ry: f32| ((u - cx) / rx).powi(2) + ((v - cy) / ry).powi(2) < 1.0;
    for side in [-1.0, 1.0] {
        let (across, up) = ((u - side * 0.2) * side, -0.13 - v);
        if (0.0..0.26).contains(&up) && across.abs() < 0.12 - up * 0.45 {
            colour = if across.abs() < 0.06 - up * 0.25 { [222.0, 150.0, 150.0] } else { coat };
        }
    }
    if inside(0.0, 0.46, 0.4, 0.3) || inside(0.0, 0.03, 0.33, 0.28) {
        colour = coat;
    }
    if inside(0.0, 0.16, 0.15, 0.1) {
        colour = [235.0, 225.0, 205.0];
    }
    for side in [-1.0, 1.0] {
        if inside(side * 0.13, -0.02, 0.075, 0.055) {
            colour = [150.0, 200.0, 70.0];
        }
        if inside(side * 0.13, -0.02, 0.018, 0.05) {
            colour = [20.0, 20.0, 20.0];
        }
        for whisker in 0..3 {
            let slope = (whisker as f32 - 1.0) * 0.16;
            let along = u * side;
            if (0.1..0.42).contains(&along) && (v - 0.14 - (along - 0.1) * slope).abs() < 0.003 {
                colour = [250.0, 250.0, 250.0];
            }
        }
    }
    if inside(0.0, 0.1, 0.035, 0.025) {
        colour = [205.0, 110.0, 120.0];
    }
    colour
}

/// A number from 0 to 1 for each pixel, the same in every run.
fn noise(x: u32, y: u32) -> f32 {
    let mut hash = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77);
    hash = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
    hash = (hash ^ hash >> 12).wrapping_mul(0x297a_2d39);
    (hash >> 8) as f32 / (1 << 24) as f32
}
