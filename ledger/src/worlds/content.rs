//! A look at the Market: may this account name this dataset as the place of public content?

use alloy_primitives::{Address, B256};
use bitdust_types::system;

use super::abi::IWorlds;
use crate::{
    contract::call::{Call, Stop, refuse},
    market::layout::{self, Dataset, LIVE, PUBLIC},
};

/// Refuses a dataset that isn't the account's own, public, and within its term. How long it runs on is its owner's
/// affair: a claim may be renewed, and so may a dataset.
pub fn check(call: &mut Call<'_>, id: B256, who: Address) -> Result<(), Stop> {
    let dataset: Dataset = call.load_of(system::MARKET, layout::dataset(id))?;
    if dataset.status == 0 {
        return Err(refuse(IWorlds::NoSuchDataset { dataset: id }));
    }
    if dataset.owner != who {
        return Err(refuse(IWorlds::NotDatasetOwner { dataset: id, caller: who, owner: dataset.owner }));
    }
    if dataset.visibility != PUBLIC {
        return Err(refuse(IWorlds::DatasetIsPrivate { dataset: id }));
    }
    if dataset.status != LIVE || call.epoch > dataset.end {
        return Err(refuse(IWorlds::DatasetIsOver { dataset: id, endEpoch: dataset.end, epoch: call.epoch }));
    }
    Ok(())
}
