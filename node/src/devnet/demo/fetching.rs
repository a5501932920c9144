//! Last step: half of the suppliers stop, and everything comes back all the same.

use std::{fs, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, ensure};
use bitdust_rpc::{
    client::{LocalFile, Progress},
    objects::{At, ObjectPath},
};

use super::{
    Demo,
    report::{FetchedObject, StoredObject},
    storing::{Kept, RANDOM, Stored, TREE, hash_file, hash_files},
};
use crate::{
    cli::{objects::get_file, output},
    config::Role,
};

pub(super) struct Fetched {
    pub objects: Vec<FetchedObject>,
    pub small: FetchedObject,
}

/// Kills as many suppliers as may be missing.
pub(super) async fn stop_suppliers(demo: &mut Demo<'_>, kept: &Kept) -> Result<Vec<String>> {
    let spare = usize::from(kept.info.n - kept.info.k);
    demo.step(&format!("{spare} suppliers are killed"));
    let mut stopped = Vec::new();
    for process in demo.network.processes.iter_mut().filter(|process| process.config.has(Role::Supplier)) {
        if stopped.len() < spare {
            process.kill().await?;
            stopped.push(process.name.clone());
        }
    }
    demo.say(stopped.join(", "));
    Ok(stopped)
}

/// Gets everything back and compares it.
pub(super) async fn fetch(demo: &Demo<'_>, stored: &Stored) -> Result<Fetched> {
    demo.step("Everything is fetched from the rest and compared");
    let nothing: Progress = Arc::new(|_| {});
    let small = {
        let (name, sha256) = &stored.small;
        let before = demo.fetched_bytes().await?;
        let clock = Instant::now();
        let target = demo.scratch.join("small");
        let path = ObjectPath::parse(&format!("{TREE}/{name}"))?;
        let bytes = get_file(&demo.client, &path, &At::default(), None, &target, nothing.clone()).await?;
        let fetched_bytes = demo.fetched_bytes().await? - before;
        compare(path.as_str(), sha256, &hash_file(&target)?)?;
        told(demo, path.as_str(), bytes, sha256, fetched_bytes, clock)
    };

    let before = demo.fetched_bytes().await?;
    let clock = Instant::now();
    let mut files = Vec::new();
    for name in &stored.tree_files {
        let target = demo.scratch.join("tree").join(name);
        let parent = target.parent().context("a file has a directory")?;
        fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
        let path = ObjectPath::parse(&format!("{TREE}/{name}"))?;
        get_file(&demo.client, &path, &At::default(), None, &target, nothing.clone()).await?;
        files.push(LocalFile { source: target, path: ObjectPath::parse(name)? });
    }
    let (sha256, bytes) = hash_files(&files)?;
    let tree = find(stored, TREE)?;
    compare(TREE, &tree.sha256, &sha256)?;
    let tree = told(demo, TREE, bytes, &sha256, demo.fetched_bytes().await? - before, clock);

    let before = demo.fetched_bytes().await?;
    let clock = Instant::now();
    let target = demo.scratch.join("random.back");
    let bytes = get_file(&demo.client, &ObjectPath::parse(RANDOM)?, &At::default(), None, &target, nothing).await?;
    let sha256 = hash_file(&target)?;
    compare(RANDOM, &find(stored, RANDOM)?.sha256, &sha256)?;
    let random = told(demo, RANDOM, bytes, &sha256, demo.fetched_bytes().await? - before, clock);
    Ok(Fetched { objects: vec![tree, random], small })
}

fn find<'a>(stored: &'a Stored, path: &str) -> Result<&'a StoredObject> {
    stored.objects.iter().find(|object| object.path == path).with_context(|| format!("{path} was stored"))
}

fn compare(path: &str, stored: &str, fetched: &str) -> Result<()> {
    ensure!(stored == fetched, "{path} came back changed: sha256 {fetched} instead of {stored}");
    Ok(())
}

fn told(demo: &Demo<'_>, path: &str, bytes: u64, sha256: &str, fetched_bytes: u64, clock: Instant) -> FetchedObject {
    let seconds = clock.elapsed().as_secs_f64();
    demo.say(format!(
        "{path}: {} equal, {} fetched from suppliers, {seconds:.1} s",
        output::bytes(bytes),
        output::bytes(fetched_bytes)
    ));
    FetchedObject { path: path.to_owned(), bytes, sha256: sha256.to_owned(), fetched_bytes, seconds }
}
