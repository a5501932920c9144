//! The ABI's views: what `eth_call` and other contracts read.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;

use super::{
    abi::IWorlds::{self, IWorldsCalls as Calls},
    claims,
    entry::place,
    layout,
    limits::{PAGE_MAX, WORLD_FEE},
    registry, view,
};
use crate::contract::call::{Call, Stop, refuse};

/// Answers a view; `None` for a function that writes.
pub fn answer(call: &mut Call<'_>, calls: &Calls) -> Result<Option<Bytes>, Stop> {
    let bytes: Vec<u8> = match calls {
        Calls::worldFee(_) => IWorlds::worldFeeCall::abi_encode_returns(&U256::from(WORLD_FEE)),
        Calls::world(args) => {
            let found = view::world(call, args.world)?;
            let info = found.ok_or_else(|| refuse(IWorlds::NoSuchWorld { world: args.world }))?;
            IWorlds::worldCall::abi_encode_returns(&world(info))
        }
        Calls::worldCount(_) => {
            let count: u32 = call.load(layout::world_count())?;
            IWorlds::worldCountCall::abi_encode_returns(&u64::from(count))
        }
        Calls::worlds(args) => {
            let (from, count) = page(args.from, args.count);
            let found = view::worlds(call, from, count)?;
            IWorlds::worldsCall::abi_encode_returns(&found.into_iter().map(world).collect())
        }
        Calls::claimOf(args) => {
            registry::published(call, args.world)?;
            let found = view::claim(call, args.world, place(args.x, args.y, args.z))?;
            let exists = found.is_some();
            let info = found.map_or_else(|| nothing(args), claim);
            IWorlds::claimOfCall::abi_encode_returns(&IWorlds::claimOfReturn { exists, claim: info })
        }
        Calls::accessOf(args) => {
            let place = place(args.x, args.y, args.z);
            claims::existing(call, args.world, place)?;
            let found = view::access(call, args.world, place)?;
            let missing = IWorlds::NoSuchClaim { world: args.world, x: args.x, y: args.y, z: args.z };
            let info = found.ok_or_else(|| refuse(missing))?;
            IWorlds::accessOfCall::abi_encode_returns(&IWorlds::AccessInfo {
                owner: info.owner,
                revision: info.revision,
                build: info.build as u8,
                guests: info.guests,
                compactors: info.compactors,
            })
        }
        Calls::claims(args) => {
            registry::published(call, args.world)?;
            let (from, count) = page(args.from, args.count);
            let found = view::claims(call, args.world, from, count)?;
            IWorlds::claimsCall::abi_encode_returns(&found.into_iter().map(claim).collect())
        }
        Calls::claimsOf(args) => {
            registry::published(call, args.world)?;
            let (from, count) = page(args.from, args.count);
            let found = view::claims_of(call, args.world, args.account, from, count)?;
            IWorlds::claimsOfCall::abi_encode_returns(&found.into_iter().map(claim).collect())
        }
        Calls::standingOf(args) => {
            let world = registry::published(call, args.world)?;
            let found = claims::may_claim(call, args.world, &world, args.account)?;
            IWorlds::standingOfCall::abi_encode_returns(&IWorlds::standingOfReturn {
                claims: found.account.claims,
                allowed: found.account.allowed,
                mayClaim: found.admitted && found.account.claims < world.per_account,
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(bytes.into()))
}

/// A page's bounds, as the lists count.
fn page(from: u64, count: u64) -> (u32, u32) {
    // PAGE_MAX fits, and a list never has 2^32 entries.
    (u32::try_from(from).unwrap_or(u32::MAX), count.min(PAGE_MAX) as u32)
}

fn world(info: view::WorldInfo) -> IWorlds::WorldInfo {
    IWorlds::WorldInfo {
        world: info.id,
        creator: info.creator,
        name: info.name,
        dataset: info.dataset.into(),
        whoMayClaim: info.claimants as u8,
        price: info.price.into(),
        termEpochs: info.term_epochs,
        claimsPerAccount: info.claims_per_account,
        claims: info.claims,
    }
}

fn claim(info: view::ClaimInfo) -> IWorlds::ClaimInfo {
    IWorlds::ClaimInfo {
        x: info.place.x,
        y: info.place.y,
        z: info.place.z,
        owner: info.owner,
        dataset: info.dataset.into(),
        startEpoch: info.start.0,
        untilEpoch: info.until.0,
        accessRevision: info.access_revision,
        build: info.build as u8,
        manifest: info.manifest.map(Into::into).unwrap_or_default(),
        sequence: info.sequence,
    }
}

/// A location that nobody claims.
fn nothing(asked: &IWorlds::claimOfCall) -> IWorlds::ClaimInfo {
    IWorlds::ClaimInfo {
        x: asked.x,
        y: asked.y,
        z: asked.z,
        owner: Default::default(),
        dataset: Default::default(),
        startEpoch: 0,
        untilEpoch: 0,
        accessRevision: 0,
        build: 0,
        manifest: Default::default(),
        sequence: 0,
    }
}
