//! Bytes to store, from a seed, so that a failure can be repeated; and their hashes, to compare what comes back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use sha2::{Digest as _, Sha256};

/// The variable that fixes the seed of a test that draws something.
pub const SEED_VARIABLE: &str = "BITDUST_SEED";

/// A generator, and the seed that it began with: `BITDUST_SEED`, or a fresh one. The seed is printed.
pub fn random() -> Result<ChaCha12Rng> {
    let seed = match std::env::var(SEED_VARIABLE) {
        Ok(text) => text.parse().with_context(|| format!("{SEED_VARIABLE}='{text}': write a number"))?,
        Err(_) => rand::random::<u64>(),
    };
    println!("seed: {SEED_VARIABLE}={seed}");
    Ok(ChaCha12Rng::seed_from_u64(seed))
}

/// Writes `len` random bytes to a file, and answers its SHA-256.
pub fn write_random(path: &Path, len: usize, seed: u64) -> Result<[u8; 32]> {
    let mut content = vec![0; len];
    ChaCha12Rng::seed_from_u64(seed).fill_bytes(&mut content);
    fs::write(path, &content).with_context(|| format!("writing {}", path.display()))?;
    Ok(hash(&content))
}

/// SHA-256 of a file.
pub fn hash_file(path: &Path) -> Result<[u8; 32]> {
    let content = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(hash(&content))
}

/// A small tree: files of several sizes, an empty one, and directories in directories.
pub fn write_tree(dir: &Path) -> Result<()> {
    let files: [(&str, usize); 5] =
        [("readme", 700), ("src/main", 70_000), ("src/deep/er/leaf", 3), ("src/empty", 0), ("data/half", 500_000)];
    for (seed, (name, len)) in (0..).zip(files) {
        let path: PathBuf = dir.join(name);
        fs::create_dir_all(path.parent().context("a file has a directory")?)?;
        write_random(&path, len, seed)?;
    }
    Ok(())
}

/// SHA-256 of bytes.
pub fn hash(content: &[u8]) -> [u8; 32] {
    Sha256::digest(content).into()
}
