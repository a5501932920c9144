//! `bitdust put`, `get`, `ls`, `stat`, `rm`, `verify`, `restore`: files, from this machine's disk to the node and back.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use bitdust_rpc::{
    Client,
    api::{NodeClient as _, StorageClient as _},
    client::{LocalFile, Progress},
    objects::{At, ObjectPath, PutReport, Terms},
    types::storage::{ObjectInfo, RestoreReport},
};
use bitdust_types::DatasetId;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::{
    output,
    remote::{RemoteArgs, explain},
};

/// Objects per page of a listing.
const PAGE: u32 = 1000;

/// `bitdust put`.
#[derive(Args)]
pub struct PutArgs {
    /// The file or directory to store.
    pub path: PathBuf,
    /// The name to store it under; its own by default.
    #[arg(long = "as")]
    pub name: Option<String>,
    /// Shards that are enough to rebuild.
    #[arg(short)]
    pub k: Option<u8>,
    /// Shards in all.
    #[arg(short)]
    pub n: Option<u8>,
    /// Term in epochs.
    #[arg(long)]
    pub epochs: Option<u64>,
    /// Let anybody read it who knows the dataset's id.
    #[arg(long)]
    pub public: bool,
    /// The node to ask.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// `bitdust get`.
#[derive(Args)]
pub struct GetArgs {
    /// What to fetch: a stored file, or everything below a path that ends in /.
    pub path: String,
    /// File or directory to write to.
    #[arg(short, long)]
    pub output: PathBuf,
    /// First byte and number of bytes, for a part of a file: 1000+500.
    #[arg(long)]
    pub range: Option<String>,
    /// The dataset it lies in, which may be another owner's public one; for a single file.
    #[arg(long)]
    pub dataset: Option<DatasetId>,
    /// The node to ask.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// `bitdust ls`.
#[derive(Args)]
pub struct ListArgs {
    /// Only what begins with this.
    pub prefix: Option<String>,
    /// The node to ask.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// Commands about one stored file.
#[derive(Args)]
pub struct PathArgs {
    /// The stored file.
    pub path: String,
    /// The node to ask.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// `bitdust restore`.
#[derive(Args)]
pub struct RestoreArgs {
    /// Directory to fetch all files to; without it they are only looked up.
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// The node to ask.
    #[command(flatten)]
    pub remote: RemoteArgs,
}

/// What was restored.
#[derive(Serialize)]
struct Restored {
    #[serde(flatten)]
    report: RestoreReport,
    /// None if nothing was to be fetched.
    fetched: Option<Fetched>,
}

/// What was fetched.
#[derive(Serialize)]
struct Fetched {
    objects: u64,
    bytes: u64,
}

/// `bitdust put`.
pub async fn put(args: &PutArgs, json: bool) -> Result<()> {
    let client = args.remote.client()?;
    let terms = Terms { k: args.k, n: args.n, public: Some(args.public), epochs: args.epochs };
    let name = match &args.name {
        Some(name) => name.clone(),
        None => own_name(&args.path)?,
    };
    let report =
        put_path(&client, &args.path, &name, &terms, |total, what| output::byte_progress(json, total, what)).await?;
    output::show(json, &report, |report| {
        format!(
            "stored {} in {} object(s): dataset {}, revision {}, held by {} of {} suppliers (any {} rebuild it), {} sent, \
             block {}",
            output::bytes(report.bytes),
            report.objects,
            report.dataset,
            report.revision,
            report.held,
            report.n,
            report.k,
            output::bytes(report.bytes_sent),
            report.height
        )
    })
}

/// Stores a file, or every file below a directory in one batch.
pub async fn put_path(
    client: &Client,
    source: &Path,
    name: &str,
    terms: &Terms,
    bar: impl FnOnce(Option<u64>, &str) -> ProgressBar,
) -> Result<PutReport> {
    let meta =
        fs::metadata(source).with_context(|| format!("{}: give a file or directory that exists", source.display()))?;
    let target = ObjectPath::parse(name)?;
    if meta.is_dir() {
        let files = files_below(source)?;
        if files.is_empty() {
            bail!("{} holds no file; there is nothing to store", source.display());
        }
        let total = files.iter().filter_map(|file| fs::metadata(&file.source).ok()).map(|meta| meta.len()).sum();
        let bar = bar(Some(total), name);
        let report = client.put_batch(&target, files, terms, progress(&bar)).await?;
        bar.finish_and_clear();
        return Ok(report);
    }
    let file = tokio::fs::File::open(source).await.with_context(|| format!("opening {}", source.display()))?;
    let bar = bar(Some(meta.len()), name);
    let report = client.put_object(&target, file, Some(meta.len()), terms, progress(&bar)).await?;
    bar.finish_and_clear();
    Ok(report)
}

/// Every regular file below a directory, with its path relative to it. Links are not followed: they may lead anywhere.
pub fn files_below(dir: &Path) -> Result<Vec<LocalFile>> {
    let mut files = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("reading the directory {}", next.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("reading the directory {}", next.display()))?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                let source = entry.path();
                let relative = source.strip_prefix(dir).context("an entry lies below its directory")?;
                let name =
                    relative.to_str().with_context(|| format!("{} is no UTF-8 name; rename it", source.display()))?;
                files.push(LocalFile { path: ObjectPath::parse(name)?, source });
            }
        }
    }
    files.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(files)
}

/// `bitdust get`.
pub async fn get(args: &GetArgs, json: bool) -> Result<()> {
    let client = args.remote.client()?;
    let fetched = if args.path.ends_with('/') {
        if args.dataset.is_some() {
            bail!("'{}' is a directory: name a single file with --dataset", args.path);
        }
        let objects = list(&client, Some(args.path.clone())).await?;
        if objects.is_empty() {
            bail!("nothing is stored below {}; `bitdust ls` shows what is", args.path);
        }
        get_tree(&client, &args.path, objects, &args.output, json).await?
    } else {
        let path = ObjectPath::parse(&args.path)?;
        let range = args.range.as_deref().map(parse_range).transpose()?;
        let output = match args.output.is_dir() {
            true => args.output.join(file_name(&args.path)),
            false => args.output.clone(),
        };
        let bar = output::byte_progress(json, None, &args.path);
        let at = At { dataset: args.dataset, ..At::default() };
        let bytes = get_file(&client, &path, &at, range, &output, progress(&bar)).await?;
        bar.finish_and_clear();
        Fetched { objects: 1, bytes }
    };
    output::show(json, &fetched, |fetched| {
        format!("fetched {} in {} object(s)", output::bytes(fetched.bytes), fetched.objects)
    })
}

/// Fetches one object into a file, which appears only once it is whole.
pub async fn get_file(
    client: &Client,
    path: &ObjectPath,
    at: &At,
    range: Option<(u64, u64)>,
    output: &Path,
    progress: Progress,
) -> Result<u64> {
    let part = output.with_file_name(format!("{}.part", file_name(&output.to_string_lossy())));
    let mut file = tokio::fs::File::create(&part).await.with_context(|| format!("creating {}", part.display()))?;
    let got = client.get_object(path, at, range, &mut file, progress).await;
    drop(file);
    match got {
        Ok((_, bytes)) => {
            fs::rename(&part, output).with_context(|| format!("writing {}", output.display()))?;
            Ok(bytes)
        }
        Err(error) => {
            // The error at hand says more than one about the leftover would.
            let _ = fs::remove_file(&part);
            Err(error.into())
        }
    }
}

/// Fetches objects into a directory, each under its path without the prefix. One that can't be had keeps none of the others
/// from it.
///
/// # Errors
/// Some could not be had: how many, and why the first of them.
async fn get_tree(
    client: &Client,
    prefix: &str,
    objects: Vec<ObjectInfo>,
    output: &Path,
    json: bool,
) -> Result<Fetched> {
    let mut fetched = Fetched { objects: 0, bytes: 0 };
    let mut failed: Option<anyhow::Error> = None;
    let mut failures = 0u64;
    let bar = output::byte_progress(json, Some(objects.iter().map(|object| object.bytes).sum()), prefix);
    for object in objects {
        let before = bar.position();
        let step = bar.clone();
        let told: Progress = Arc::new(move |bytes| step.set_position(before + bytes));
        match get_listed(client, prefix, &object, output, told).await {
            Ok(bytes) => {
                fetched.bytes += bytes;
                fetched.objects += 1;
            }
            Err(error) => {
                failures += 1;
                failed.get_or_insert_with(|| error.context(format!("fetching {}", object.path)));
            }
        }
    }
    bar.finish_and_clear();
    match failed {
        Some(first) => {
            let got = fetched.objects;
            Err(first.context(format!("{failures} object(s) could not be fetched, {got} were; the first of them")))
        }
        None => Ok(fetched),
    }
}

/// Fetches one object of a listing, from the dataset that was listed.
async fn get_listed(client: &Client, prefix: &str, object: &ObjectInfo, output: &Path, told: Progress) -> Result<u64> {
    let relative = Path::new(object.path.strip_prefix(prefix).unwrap_or(&object.path));
    // Names come from the manifest of whoever wrote it: none may lead out of the output directory.
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("the stored path '{}' would leave the output directory; fetch it by itself", object.path);
    }
    let target = output.join(relative);
    let parent = target.parent().context("a file has a directory")?;
    fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    let at = At { dataset: Some(object.dataset), ..At::default() };
    get_file(client, &ObjectPath::parse(&object.path)?, &at, None, &target, told).await
}

/// Everything below a prefix. What can't be listed is said on standard error.
pub async fn list(client: &Client, prefix: Option<String>) -> Result<Vec<ObjectInfo>> {
    let (objects, warnings) = pages(client, prefix).await?;
    warn(&warnings);
    Ok(objects)
}

/// All pages of a listing, and what the last of them leaves out.
async fn pages(client: &Client, prefix: Option<String>) -> Result<(Vec<ObjectInfo>, Vec<String>)> {
    let (mut objects, mut after) = (Vec::new(), None);
    loop {
        let page = client.storage_ls(prefix.clone(), after, Some(PAGE)).await.map_err(explain(client))?;
        objects.extend(page.objects);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((objects, page.warnings)),
        }
    }
}

/// `bitdust ls`.
pub async fn ls(args: &ListArgs, json: bool) -> Result<()> {
    let client = args.remote.client()?;
    let objects = list(&client, args.prefix.clone()).await?;
    output::show(json, &objects, |objects| {
        let rows: Vec<Vec<String>> =
            objects.iter().map(|object| vec![output::bytes(object.bytes), object.path.clone()]).collect();
        if rows.is_empty() { "nothing is stored here".to_owned() } else { output::table(&rows) }
    })
}

/// `bitdust stat`.
pub async fn stat(args: &PathArgs, json: bool) -> Result<()> {
    let client = args.remote.client()?;
    let stat = client.storage_stat(args.path.clone()).await.map_err(explain(&client))?;
    output::show(json, &stat, |stat| {
        let object = &stat.object;
        let mut text = format!(
            "{}: {}, dataset {}, revision {}\nany {} of {} shards rebuild it; {} slots are healthy\n",
            object.path,
            output::bytes(object.bytes),
            object.dataset,
            object.revision,
            stat.k,
            stat.n,
            stat.slots_held
        );
        for slab in &stat.slabs {
            let shard = output::bytes(slab.shard_bytes);
            text.push_str(&format!(
                "slab {}: {} from byte {}, shards of {shard}\n",
                slab.slab, slab.bytes, slab.offset
            ));
        }
        text
    })
}

/// `bitdust rm`.
pub async fn rm(args: &PathArgs, json: bool) -> Result<()> {
    let client = args.remote.client()?;
    let report = client.storage_rm(args.path.clone()).await.map_err(explain(&client))?;
    output::show(json, &report, |report| {
        let copies = match report.copies {
            0 | 1 => String::new(),
            copies => format!(" with {copies} copies in as many datasets"),
        };
        let dead = output::bytes(report.dead_bytes);
        format!("forgot {}{copies}; {dead} are dead until their pack is rewritten", report.path)
    })?;
    warn(&report.warnings);
    Ok(())
}

/// `bitdust restore`: finds everything that this account has stored, as its phrase alone tells, and fetches it if asked to. Fails
/// if something can't be had.
pub async fn restore(args: &RestoreArgs, json: bool) -> Result<()> {
    let client = args.remote.client()?;
    let status = client.node_status().await.map_err(explain(&client))?;
    if status.syncing {
        bail!(
            "the node is at block {} and still catches up, so it may not know of all datasets yet; try again when `bitdust \
             status` shows no warning",
            status.height
        );
    }
    let report = client.storage_restore().await.map_err(explain(&client))?;
    warn(&report.warnings);
    let fetched = match &args.output {
        Some(output) if report.objects > 0 => {
            fs::create_dir_all(output).with_context(|| format!("creating {}", output.display()))?;
            // What can't be listed was said already.
            let (objects, _) = pages(&client, None).await?;
            Some(get_tree(&client, "", objects, output, json).await?)
        }
        Some(_) => Some(Fetched { objects: 0, bytes: 0 }),
        None => None,
    };
    let lost = report.datasets.iter().filter(|dataset| dataset.problem.is_some()).count();
    output::show(json, &Restored { report, fetched }, |restored| {
        let report = &restored.report;
        let mut rows =
            vec![["dataset", "any of", "objects", "bytes", "held", "until epoch"].map(str::to_owned).to_vec()];
        rows.extend(report.datasets.iter().map(|dataset| {
            vec![
                dataset.id.to_string(),
                format!("{} of {}", dataset.k, dataset.n),
                if dataset.problem.is_some() { "?".to_owned() } else { dataset.objects.to_string() },
                output::bytes(dataset.bytes),
                dataset.slots_held.to_string(),
                dataset.end_epoch.to_string(),
            ]
        }));
        let mut text = format!(
            "account {} has {} object(s) of {} in {} dataset(s), as of block {}\n",
            report.account,
            report.objects,
            output::bytes(report.bytes),
            report.datasets.len(),
            report.height
        );
        if !report.datasets.is_empty() {
            text.push_str(&output::table(&rows));
        }
        match &restored.fetched {
            Some(fetched) => {
                text.push_str(&format!("\nfetched {} in {} object(s)", output::bytes(fetched.bytes), fetched.objects))
            }
            None => text.push_str("\n`bitdust restore -o DIR` fetches them all, `bitdust get` one"),
        }
        text
    })?;
    if lost > 0 {
        bail!("{lost} dataset(s) can't be read; the warnings say why");
    }
    Ok(())
}

/// Says on standard error what an answer leaves out.
fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| output::complain(format!("warning: {warning}")));
}

/// `bitdust verify`. Fails if the file can't be read.
pub async fn verify(args: &PathArgs, json: bool) -> Result<()> {
    let client = args.remote.client()?;
    let report = client.storage_verify(args.path.clone()).await.map_err(explain(&client))?;
    output::show(json, &report, |report| {
        let mut text = format!("{}: {} of {} shards are right", report.path, report.good, report.shards);
        for fault in &report.faults {
            let who = fault.supplier.map_or_else(|| "nobody".to_owned(), |supplier| supplier.to_string());
            text.push_str(&format!("\nslot {} of slab {}, held by {who}: {}", fault.slot, fault.slab, fault.reason));
        }
        text
    })?;
    if !report.readable {
        bail!("{} can't be rebuilt from what is left", report.path);
    }
    Ok(())
}

fn progress(bar: &ProgressBar) -> Progress {
    let bar = bar.clone();
    Arc::new(move |bytes| bar.set_position(bytes))
}

/// `FIRST+COUNT` as (first byte, one after the last).
fn parse_range(text: &str) -> Result<(u64, u64)> {
    let parsed = text.split_once('+').and_then(|(first, count)| {
        let (first, count): (u64, u64) = (first.parse().ok()?, count.parse().ok()?);
        Some((first, first.checked_add(count)?)).filter(|_| count > 0)
    });
    parsed.with_context(|| format!("--range '{text}': write the first byte and the number of bytes, such as 1000+500"))
}

fn own_name(path: &Path) -> Result<String> {
    let whole =
        fs::canonicalize(path).with_context(|| format!("{}: give a file or directory that exists", path.display()))?;
    let name = whole.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned)
        .with_context(|| format!("{} has no name to store it under; give one with --as", path.display()))
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_first_and_count() {
        assert_eq!(parse_range("0+1").unwrap(), (0, 1));
        assert_eq!(parse_range("1000+500").unwrap(), (1000, 1500));
        for bad in ["", "5", "5+0", "-1+2", "1+x", "18446744073709551615+1"] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
    }
}
