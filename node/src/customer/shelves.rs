//! All files of an account as one view, though they lie in several datasets: which are in use, which can be read, and which
//! copy of a path counts.
//!
//! A path has copies in several datasets when it was put again with another layout or visibility, or when a dataset's term drew
//! to its end and the next one was begun. The newest counts for every verb: the one whose put began at the greatest height of the
//! ledger, which [`stamp`] writes into its entry. A put ends with a block, so of two puts, one after the other, the second
//! has the greater height, whatever the clocks say, and also after a restore from the phrase. Removing a path removes all copies,
//! the newest last, so that none comes back.
//!
//! **Invariant:** a dataset that can't be read costs its own files alone.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use bitdust_ledger::market::view::DatasetInfo;
use bitdust_market::manifest::{FileEntry, Manifest};
use bitdust_types::{DatasetId, Epoch, Height};
use futures::{StreamExt as _, stream};

use super::{Customer, PutReceipt};
use crate::chain_api::look;

/// Key of an entry's metadata under which its put's height stands.
const HEIGHT_KEY: &str = "bitdust.height";
/// Manifests that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;
/// How long a manifest may take. One of a million files has about 100 MB; a supplier that is gone is noticed sooner.
const FETCH_PATIENCE: Duration = Duration::from_secs(60);

/// The metadata that says when a file's put began.
pub fn stamp(height: Height) -> (String, String) {
    (HEIGHT_KEY.to_owned(), height.0.to_string())
}

/// When a copy was put: the greater is the newer. Entries without a height, of worlds or from before there was one, are older
/// than all others; among them the file's own time decides.
fn age(dataset: DatasetId, file: &FileEntry) -> (u64, u64, DatasetId) {
    let height = file.metadata.iter().find(|(key, _)| key == HEIGHT_KEY).and_then(|(_, value)| value.parse().ok());
    (height.unwrap_or(0), file.modified_ms, dataset)
}

/// A dataset that can be read.
pub struct Shelf {
    /// The dataset.
    pub info: DatasetInfo,
    /// Its files.
    pub manifest: Arc<Manifest>,
}

/// A dataset that can't be read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The dataset.
    pub info: DatasetInfo,
    /// Why.
    pub reason: String,
}

/// Where a path is: its newest copy.
pub struct Found {
    /// The dataset.
    pub info: DatasetInfo,
    /// All of the dataset's files.
    pub manifest: Arc<Manifest>,
    /// The file.
    pub file: FileEntry,
}

/// The datasets of an account that have a revision and were not ended.
#[derive(Default)]
pub struct Shelves {
    /// Those that can be read.
    pub readable: Vec<Shelf>,
    /// Those that can't.
    pub unreadable: Vec<Unreadable>,
    /// Those whose term is over. Nobody is paid for them any more.
    pub over: Vec<DatasetInfo>,
}

/// What removing a path came to.
pub struct Removed {
    /// The newest copy, which was removed last.
    pub newest: Found,
    /// The revision without it.
    pub receipt: PutReceipt,
    /// Copies removed.
    pub copies: u64,
    /// Bytes of all copies.
    pub bytes: u64,
    /// Datasets that could not be asked whether they have a copy.
    pub warnings: Vec<String>,
}

impl Shelves {
    /// The newest copy of a path.
    pub fn newest(&self, path: &str) -> Option<Found> {
        let (shelf, file) = self.copies(path).into_iter().next()?;
        Some(Found { info: shelf.info.clone(), manifest: shelf.manifest.clone(), file: file.clone() })
    }

    /// All copies of a path, the newest first.
    fn copies(&self, path: &str) -> Vec<(&Shelf, &FileEntry)> {
        let mut copies: Vec<_> =
            self.readable.iter().filter_map(|shelf| Some((shelf, shelf.manifest.file(path)?))).collect();
        copies.sort_by_key(|(shelf, file)| Reverse(age(shelf.info.id, file)));
        copies
    }

    /// The newest copies of the first `limit` paths that begin with `prefix` and come after `after`, in order of path.
    pub fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<(&Shelf, &FileEntry)> {
        let mut listed: BTreeMap<&str, (&Shelf, &FileEntry)> = BTreeMap::new();
        for shelf in &self.readable {
            let wanted = shelf
                .manifest
                .files()
                .filter(|file| file.path.starts_with(prefix) && after.is_none_or(|after| file.path.as_str() > after));
            for file in wanted.take(limit) {
                let newest = listed.entry(&file.path).or_insert((shelf, file));
                if age(shelf.info.id, file) > age(newest.0.info.id, newest.1) {
                    *newest = (shelf, file);
                }
            }
        }
        listed.into_values().take(limit).collect()
    }

    /// What its owner should know: what can't be read and why, and what is over.
    pub fn warnings(&self) -> Vec<String> {
        let unreadable = self
            .unreadable
            .iter()
            .map(|one| format!("dataset {} can't be read now, so its files are left out: {}", one.info.id, one.reason));
        let over = self.over.iter().map(|info| {
            format!(
                "the term of dataset {} ended with epoch {}, so its files are left out; `bitdust market end {} --yes` gets \
                 back what is left of its escrow",
                info.id, info.end, info.id
            )
        });
        unreadable.chain(over).collect()
    }
}

impl Customer {
    /// Reads the manifests of all datasets that are in use. One that can't be read doesn't keep the others from it.
    ///
    /// # Errors
    /// The ledger can't be read.
    pub async fn shelves(&self) -> Result<Shelves> {
        let owner = self.account();
        let params = self.shared.chain.params();
        let (infos, epoch) = look(&*self.shared.chain, |view, height| {
            let mut infos = Vec::new();
            for id in view.datasets_of(owner)? {
                infos.extend(view.dataset(id)?.filter(|info| !info.ended && info.number > 0));
            }
            Ok((infos, params.epoch_of(height)))
        })?;
        let (over, running): (Vec<_>, Vec<_>) = infos.into_iter().partition(|info| is_over(info, epoch));
        let fetches = running.into_iter().map(|info| async move {
            let read = tokio::time::timeout(FETCH_PATIENCE, self.manifest(info.id)).await;
            let read = match read {
                Ok(Ok(manifest)) => Ok(manifest),
                Ok(Err(error)) => Err(format!("{error:#}")),
                Err(_) => Err(format!("its suppliers didn't bring its manifest within {FETCH_PATIENCE:?}")),
            };
            (info, read)
        });
        let mut shelves = Shelves { over, ..Shelves::default() };
        let mut fetched = stream::iter(fetches).buffered(FETCHES_AT_ONCE);
        while let Some((info, read)) = fetched.next().await {
            match read {
                Ok(manifest) => shelves.readable.push(Shelf { info, manifest }),
                Err(reason) => shelves.unreadable.push(Unreadable { info, reason }),
            }
        }
        Ok(shelves)
    }

    /// Removes every copy of a path, the oldest first; `None` if nothing that can be read has it.
    ///
    /// # Errors
    /// A copy could not be removed. The newest is still there then, so that no older one takes its place.
    pub async fn remove_copies(&self, path: &str) -> Result<Option<Removed>> {
        let shelves = self.shelves().await?;
        let Some(newest) = shelves.newest(path) else { return Ok(None) };
        let copies: Vec<(DatasetId, u64)> =
            shelves.copies(path).into_iter().map(|(shelf, file)| (shelf.info.id, file.bytes)).collect();
        for (dataset, _) in copies.iter().skip(1).rev() {
            let removed = self.remove(*dataset, vec![path.to_owned()]).await;
            removed.with_context(|| format!("removing an older copy of '{path}'; nothing newer was removed"))?;
        }
        let receipt = self.remove(newest.info.id, vec![path.to_owned()]).await?;
        let unknown = shelves.unreadable.iter().map(|one| {
            format!(
                "dataset {} can't be read now; if it has an older copy of '{path}', remove it again later: {}",
                one.info.id, one.reason
            )
        });
        Ok(Some(Removed {
            newest,
            receipt,
            copies: copies.len() as u64,
            bytes: copies.iter().map(|(_, bytes)| *bytes).sum(),
            warnings: unknown.collect(),
        }))
    }
}

/// Whether no epoch is left that is paid for.
pub fn is_over(info: &DatasetInfo, epoch: Epoch) -> bool {
    epoch > info.end
}

#[cfg(test)]
mod tests {
    use bitdust_market::manifest::{Change, entry::SecretKey};
    use bitdust_types::{Address, Amount, Layout, Root};

    use super::*;

    fn info(id: u8) -> DatasetInfo {
        DatasetInfo {
            id: DatasetId([id; 32]),
            owner: Address::repeat_byte(9),
            payer: Address::repeat_byte(9),
            layout: Layout::new(1, 2).unwrap(),
            visibility: 0,
            ended: false,
            start: Epoch(0),
            end: Epoch(20),
            number: 1,
            bytes_per_slot: 1,
            price_cap: Amount::ZERO,
            escrow: Amount::ZERO,
            head: Root::default(),
        }
    }

    /// A dataset with empty files: path, height of the put, time of the file.
    fn shelf(id: u8, files: &[(&str, Option<u64>, u64)]) -> Shelf {
        let entry = |(path, height, modified_ms): &(&str, Option<u64>, u64)| FileEntry {
            path: (*path).to_owned(),
            bytes: 0,
            sha256: [0; 32],
            modified_ms: *modified_ms,
            metadata: height.iter().map(|height| stamp(Height(*height))).collect(),
            segments: Vec::new(),
        };
        let change = Change { files: files.iter().map(entry).collect(), ..Change::default() };
        let empty = Manifest::new(DatasetId([id; 32]), SecretKey::from([id; 32]));
        Shelf { info: info(id), manifest: Arc::new(empty.with_change(&change, false).unwrap()) }
    }

    fn shelves(readable: Vec<Shelf>) -> Shelves {
        Shelves { readable, ..Shelves::default() }
    }

    /// In whatever order the ledger lists the datasets.
    fn check_newest(one: (Option<u64>, u64), other: (Option<u64>, u64), newest: u8) {
        let made = || [shelf(1, &[("f", one.0, one.1)]), shelf(2, &[("f", other.0, other.1)])];
        for turned in [false, true] {
            let mut both: Vec<Shelf> = made().into();
            if turned {
                both.reverse();
            }
            let all = shelves(both);
            let wanted = DatasetId([newest; 32]);
            assert_eq!(all.newest("f").unwrap().info.id, wanted, "{one:?} {other:?}, turned: {turned}");
            let listed: Vec<DatasetId> = all.list("", None, 9).iter().map(|(shelf, _)| shelf.info.id).collect();
            assert_eq!(listed, [wanted], "a path is listed once, as it is read");
        }
    }

    #[test]
    fn the_newest_copy_counts_for_every_verb() {
        check_newest((Some(10), 0), (Some(9), 0), 1);
        check_newest((Some(9), 0), (Some(10), 0), 2);
        // What the file's own time says doesn't matter: an old file may be put again.
        check_newest((Some(10), 5), (Some(9), 7000), 1);
        // Numbers are compared, not their digits.
        check_newest((Some(100), 0), (Some(99), 0), 1);
        check_newest((None, 7000), (Some(1), 5), 2);
        check_newest((None, 7000), (None, 5), 1);
        check_newest((Some(3), 5), (Some(3), 5), 2);
    }

    #[test]
    fn pages_hold_the_newest_of_each_path_in_order() {
        let all = shelves(vec![
            shelf(1, &[("a", Some(1), 0), ("b", Some(5), 0), ("d/x", Some(1), 0)]),
            shelf(2, &[("b", Some(4), 0), ("c", Some(4), 0), ("d/y", Some(1), 0)]),
        ]);
        let page = |prefix: &str, after: Option<&str>, limit: usize| -> Vec<(String, u8)> {
            let listed = all.list(prefix, after, limit);
            listed.iter().map(|(shelf, file)| (file.path.clone(), shelf.info.id.0[0])).collect()
        };
        let named = |expected: &[(&str, u8)]| -> Vec<(String, u8)> {
            expected.iter().map(|(path, id)| ((*path).to_owned(), *id)).collect()
        };
        assert_eq!(page("", None, 9), named(&[("a", 1), ("b", 1), ("c", 2), ("d/x", 1), ("d/y", 2)]));
        assert_eq!(page("", None, 2), named(&[("a", 1), ("b", 1)]));
        assert_eq!(page("", Some("b"), 2), named(&[("c", 2), ("d/x", 1)]));
        assert_eq!(page("d/", None, 9), named(&[("d/x", 1), ("d/y", 2)]));
        assert!(all.newest("d").is_none());
    }

    #[test]
    fn warnings_name_the_dataset_and_what_to_do() {
        let reason = "no supplier has it".to_owned();
        let all = Shelves {
            readable: Vec::new(),
            unreadable: vec![Unreadable { info: info(1), reason }],
            over: vec![info(2)],
        };
        let warnings = all.warnings();
        assert!(warnings[0].contains(&DatasetId([1; 32]).to_string()) && warnings[0].contains("no supplier has it"));
        assert!(warnings[1].contains(&format!("market end {}", DatasetId([2; 32]))), "{warnings:?}");
        assert!(!is_over(&info(1), Epoch(20)) && is_over(&info(1), Epoch(21)));
    }
}
