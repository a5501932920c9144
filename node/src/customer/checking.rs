//! Is all of a file still there? Its bytes end to end, and each of its shards by name.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use bitdust_market::manifest::{FileEntry, Manifest};
use futures::{StreamExt as _, stream};

use super::{
    Dataset, Shared,
    reading::{self, ReadReport},
    remote::RemoteError,
};

/// Slots asked at once.
const SLOTS_AT_ONCE: usize = 16;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The file.
    pub file: FileEntry,
    /// Whether its bytes have the hash that the manifest names.
    pub intact: bool,
    /// Why not, if not.
    pub problem: Option<String>,
    /// Slabs that it lies in.
    pub slabs: u64,
    /// Shards that its slabs should have in all.
    pub shards: u64,
    /// Shards that suppliers say they have.
    pub shards_present: u64,
    /// Fewest shards of one slab that are there; k are needed.
    pub worst_slab: u16,
    /// Slots whose supplier didn't answer or lacks shards, and why.
    pub slots: BTreeMap<u16, String>,
    /// What the reading cost.
    pub report: ReadReport,
}

/// Checks one file.
pub async fn verify(
    shared: &Arc<Shared>,
    dataset: &Arc<Dataset>,
    manifest: &Arc<Manifest>,
    file: FileEntry,
) -> Result<Verified> {
    let mut slabs: Vec<_> = file.segments.iter().filter_map(|segment| manifest.slab(&segment.slab)).collect();
    slabs.sort_by_key(|slab| slab.id);
    slabs.dedup_by_key(|slab| slab.id);
    let n = slabs.iter().map(|slab| slab.layout.n()).max().unwrap_or(0);
    let slabs = &slabs;
    let asked = (0..u16::from(n)).map(|slot| async move {
        let roots: Vec<_> = slabs.iter().filter_map(|slab| slab.roots.get(usize::from(slot)).copied()).collect();
        (slot, ask(shared, dataset, slot, &roots).await)
    });
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(SLOTS_AT_ONCE).collect().await;
    let mut present = vec![0u16; slabs.len()];
    let mut slots = BTreeMap::new();
    for (slot, answer) in answers {
        match answer {
            Ok(found) => {
                let lacking = found.iter().filter(|has| !**has).count();
                if lacking > 0 {
                    slots.insert(slot, format!("{lacking} of {} shards are missing", found.len()));
                }
                found.iter().zip(&mut present).for_each(|(has, count)| *count += u16::from(*has));
            }
            Err(error) => {
                slots.insert(slot, error.to_string());
            }
        }
    }
    let mut download = reading::download(shared.clone(), dataset.clone(), manifest.clone(), file.clone(), None)?;
    let mut problem = None;
    while let Some(part) = download.bytes.recv().await {
        if let Err(error) = part {
            problem = Some(format!("{error:#}"));
        }
    }
    Ok(Verified {
        intact: problem.is_none(),
        problem,
        slabs: slabs.len() as u64,
        shards: slabs.iter().map(|slab| u64::from(slab.layout.n())).sum(),
        shards_present: present.iter().map(|count| u64::from(*count)).sum(),
        worst_slab: present.iter().copied().min().unwrap_or(0),
        slots,
        report: download.report(),
        file,
    })
}

async fn ask(
    shared: &Shared,
    dataset: &Dataset,
    slot: u16,
    roots: &[bitdust_types::Root],
) -> Result<Vec<bool>, RemoteError> {
    let lanes = &dataset.lanes;
    let mut remote = lanes.take(shared, slot).await?;
    let found = match remote.has(roots).await {
        Err(error) if error.is_line() => {
            remote = lanes.reopen(shared, slot).await?;
            remote.has(roots).await?
        }
        other => other?,
    };
    lanes.give_back(slot, remote);
    Ok(found)
}
