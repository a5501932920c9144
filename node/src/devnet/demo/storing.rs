//! First step: a tree and a random file go into the store.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, Result};
use bitdust_rpc::{
    api::MarketClient as _,
    client::{LocalFile, Progress},
    objects::{ObjectPath, PutReport, Terms},
    types::market::{DatasetInfo, SlotInfo},
};
use bitdust_types::DatasetId;
use rand::{RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::{Demo, RANDOM_BYTES, report::StoredObject};
use crate::cli::{
    objects::{files_below, put_path},
    output,
    remote::explain,
};

/// Names in the store.
pub(super) const TREE: &str = "demo/tree";
pub(super) const RANDOM: &str = "demo/random.bin";

/// What was stored, and what is needed to compare it later.
pub(super) struct Stored {
    pub objects: Vec<StoredObject>,
    pub dataset: DatasetId,
    /// Paths of the tree's files below [`TREE`], in order.
    pub tree_files: Vec<String>,
    /// The smallest file of the tree that isn't empty: its path, and SHA-256.
    pub small: (String, String),
}

/// The dataset after the puts.
pub(super) struct Kept {
    pub info: DatasetInfo,
    pub slots: Vec<SlotInfo>,
}

pub(super) async fn store(demo: &Demo<'_>, tree: &Path) -> Result<Stored> {
    demo.step(&format!("The customer stores {} and a random file of {}", tree.display(), output::bytes(RANDOM_BYTES)));
    let files = tree_files(tree)?;
    anyhow::ensure!(!files.is_empty(), "{} holds no files to store; name another with --tree", tree.display());
    let (sha256, bytes) = hash_files(&files)?;
    let small = smallest(&files)?;
    let tree_files = files.iter().map(|file| file.path.to_string()).collect();

    let clock = Instant::now();
    let nothing: Progress = Arc::new(|_| {});
    let report = demo.client.put_batch(&ObjectPath::parse(TREE)?, files, &Terms::default(), nothing).await?;
    let first = stored(demo, TREE, sha256, &report, clock);
    anyhow::ensure!(first.bytes == bytes, "{bytes} bytes of the tree were read, {} were stored", first.bytes);

    let random = demo.scratch.join("random.bin");
    let sha256 = write_random(&random)?;
    let clock = Instant::now();
    let bar = |total: Option<u64>, what: &str| output::byte_progress(demo.json, total, what);
    let report = put_path(&demo.client, &random, RANDOM, &Terms::default(), bar).await?;
    let second = stored(demo, RANDOM, sha256, &report, clock);
    Ok(Stored { dataset: second.dataset, objects: vec![first, second], tree_files, small })
}

pub(super) async fn terms(demo: &Demo<'_>, dataset: DatasetId) -> Result<Kept> {
    demo.step("What was agreed");
    let info = demo.client.market_dataset(dataset).await.map_err(explain(&demo.client))?;
    let info = info.with_context(|| format!("dataset {dataset} is on the ledger"))?;
    let slots = demo.client.market_slots(dataset).await.map_err(explain(&demo.client))?;
    demo.say(format!(
        "dataset {dataset}: any {} of {} rebuild it, {} on each supplier, epochs {} to {}\nescrow {}, bound in deposits {}, price cap {}",
        info.k,
        info.n,
        output::bytes(info.slot_bytes),
        info.start_epoch,
        info.end_epoch,
        info.escrow,
        info.deposits,
        info.price_cap
    ));
    Ok(Kept { info, slots })
}

fn stored(demo: &Demo<'_>, path: &str, sha256: String, report: &PutReport, clock: Instant) -> StoredObject {
    let object = StoredObject {
        path: path.to_owned(),
        files: report.objects,
        bytes: report.bytes,
        sha256,
        dataset: report.dataset,
        revision: report.revision,
        height: report.height,
        sent_bytes: report.bytes_sent,
        held: report.held,
        seconds: clock.elapsed().as_secs_f64(),
    };
    demo.say(format!(
        "{path}: {} in {} file(s), {} sent, final in block {} with {} of {} slots held, {:.1} s\n  sha256 {}",
        output::bytes(object.bytes),
        object.files,
        output::bytes(object.sent_bytes),
        object.height,
        object.held,
        report.n,
        object.seconds,
        object.sha256
    ));
    object
}

/// A tree's files: those that git knows and those that it doesn't ignore; without git, all but its own and a build's.
fn tree_files(tree: &Path) -> Result<Vec<LocalFile>> {
    let mut files = match git_files(tree) {
        Some(files) => files,
        None => {
            let skipped = |path: &str| path.split('/').any(|part| matches!(part, ".git" | "target" | "node_modules"));
            let mut files = files_below(tree)?;
            files.retain(|file| !skipped(file.path.as_str()));
            files
        }
    };
    files.sort_by(|one, other| one.path.as_str().cmp(other.path.as_str()));
    Ok(files)
}

/// What `git ls-files` lists; `None` where that can't be had.
fn git_files(tree: &Path) -> Option<Vec<LocalFile>> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(tree)
        .output()
        .ok()
        .filter(|listed| listed.status.success())?;
    let names = String::from_utf8(listed.stdout).ok()?;
    let mut files = Vec::new();
    for name in names.split_terminator('\0') {
        let source = tree.join(name);
        // A file that was deleted, or a link, is listed too.
        if fs::symlink_metadata(&source).is_ok_and(|meta| meta.is_file()) {
            files.push(LocalFile { path: ObjectPath::parse(name).ok()?, source });
        }
    }
    Some(files).filter(|files| !files.is_empty())
}

/// SHA-256 over path, length and bytes of each file, and the bytes of all.
pub(super) fn hash_files(files: &[LocalFile]) -> Result<(String, u64)> {
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    for file in files {
        let content = fs::read(&file.source).with_context(|| format!("reading {}", file.source.display()))?;
        hasher.update(file.path.as_str().as_bytes());
        hasher.update((content.len() as u64).to_be_bytes());
        hasher.update(&content);
        bytes += content.len() as u64;
    }
    Ok((hex::encode(hasher.finalize()), bytes))
}

/// SHA-256 of one file, read piece by piece.
pub(super) fn hash_file(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece).with_context(|| format!("reading {}", path.display()))?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&piece[..read]);
    }
}

fn smallest(files: &[LocalFile]) -> Result<(String, String)> {
    let sizes = files.iter().filter_map(|file| Some((fs::metadata(&file.source).ok()?.len(), file)));
    let (_, file) =
        sizes.filter(|(bytes, _)| *bytes > 0).min_by_key(|(bytes, _)| *bytes).context("a file with content")?;
    Ok((file.path.to_string(), hash_file(&file.source)?))
}

/// Writes the random file; answers its SHA-256.
fn write_random(path: &PathBuf) -> Result<String> {
    use std::io::Write as _;
    let mut random = rand_chacha::ChaCha12Rng::from_os_rng();
    let mut file = fs::File::create(path).with_context(|| format!("creating {}", path.display()))?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    for _ in 0..RANDOM_BYTES >> 20 {
        random.fill_bytes(&mut piece);
        hasher.update(&piece);
        file.write_all(&piece).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(hex::encode(hasher.finalize()))
}
