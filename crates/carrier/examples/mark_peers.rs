//! What `eosin mark` is measured against: parsing a file and hashing it, and one signature a record.
//!
//! `mark_peers parse FILE` reads a CSV or NDJSON file whole; `mark_peers sign` prints signatures a second.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what its clock says")]

use std::{
    fs::File,
    hint::black_box,
    io::{self, BufRead as _, BufReader, Read},
    time::{Duration, Instant},
};

use aws_lc_rs::{
    digest::{Context, SHA256},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["parse", path] => parse(path),
        ["sign"] => sign(),
        _ => Err(io::Error::other("say `parse FILE` or `sign`")),
    }
}

/// A file whose bytes are hashed on their way.
struct Hashed {
    file: File,
    digest: Context,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.digest.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

fn parse(path: &str) -> io::Result<()> {
    let hashed = Hashed { file: File::open(path)?, digest: Context::new(&SHA256) };
    let mut input = BufReader::with_capacity(1 << 20, hashed);
    let mut records = 0_u64;
    if std::path::Path::new(path).extension().is_some_and(|end| end == "csv") {
        let mut reader = csv::Reader::from_reader(&mut input);
        let mut row = csv::ByteRecord::new();
        while reader.read_byte_record(&mut row)? {
            black_box(&row);
            records += 1;
        }
    } else {
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line)? > 0 {
            black_box(serde_json::from_slice::<serde_json::Value>(&line)?);
            line.clear();
            records += 1;
        }
    }
    let digest = input.into_inner().digest.finish();
    println!("records {records}\nsha256 {}", data_encoding::HEXLOWER.encode(digest.as_ref()));
    Ok(())
}

/// So long each kind is signed with.
const LONG: Duration = Duration::from_secs(2);

fn sign() -> io::Result<()> {
    let failed = |_| io::Error::other("the key cannot sign");
    let rejected = |_| io::Error::other("the key is none");
    let random = SystemRandom::new();
    let seed = Ed25519KeyPair::generate_pkcs8(&random).map_err(failed)?;
    let ed25519 = Ed25519KeyPair::from_pkcs8(seed.as_ref()).map_err(rejected)?;
    rate("Ed25519", |message| {
        black_box(ed25519.sign(message));
        Ok(())
    })?;
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let seed = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
    let p256 = EcdsaKeyPair::from_pkcs8(algorithm, seed.as_ref()).map_err(rejected)?;
    rate("P-256", |message| {
        black_box(p256.sign(&random, message).map_err(failed)?);
        Ok(())
    })
}

/// Signs what one record's digest would be, as often as there is time.
fn rate(name: &str, mut sign: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < LONG {
        for _ in 0..64 {
            sign(&count.to_le_bytes().repeat(8))?;
            count += 1;
        }
    }
    println!("{name} {:.0}", f64::from(count) / begun.elapsed().as_secs_f64());
    Ok(())
}
