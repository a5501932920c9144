//! The door: decodes a call's input, refuses what doesn't fit (unknown functions, coins where none belong, writes under
//! STATICCALL), hands it to the function's rule, and commits.

use alloy_primitives::{Bytes, FixedBytes};
use alloy_sol_types::SolInterface;

use super::{
    abi::IWorlds::{self, IWorldsCalls as Calls},
    access, claims,
    layout::Place,
    query, registry,
};
use crate::contract::{
    call::{Call, Stop, refuse},
    host::Host,
};

/// Decoding and dispatch: about what a Solidity contract pays, and 3 gas per word of input.
const CALL_GAS: u64 = 300;

/// Answers one call.
///
/// # Errors
/// [`Stop`]. Nothing was written unless it is [`Stop::Host`]; then the caller must roll back.
pub fn call(host: &mut dyn Host, input: &[u8]) -> Result<Bytes, Stop> {
    host.use_gas(CALL_GAS.saturating_add(3 * (input.len() as u64).div_ceil(32)))?;
    let selector = input.first_chunk::<4>().copied().map(FixedBytes).unwrap_or_default();
    if input.len() < 4 || !Calls::valid_selector(selector.0) {
        return Err(refuse(IWorlds::UnknownFunction { selector }));
    }
    let calls = Calls::abi_decode_validate(input).map_err(|_| refuse(IWorlds::BadArguments { selector }))?;
    let payable = matches!(calls, Calls::createWorld(_) | Calls::claim(_) | Calls::renewClaim(_));
    if !payable && !host.value().is_zero() {
        return Err(refuse(IWorlds::NotPayable { value: host.value() }));
    }
    let is_static = host.is_static();
    let mut call = Call::new(host);
    if let Some(answer) = query::answer(&mut call, &calls)? {
        return Ok(answer);
    }
    if is_static {
        return Err(refuse(IWorlds::ReadOnly { selector }));
    }
    act(&mut call, calls)?;
    call.commit()?;
    Ok(Bytes::new())
}

/// Runs a function that writes.
fn act(call: &mut Call<'_>, calls: Calls) -> Result<(), Stop> {
    match calls {
        Calls::createWorld(args) => registry::create(call, &args),
        Calls::setWorld(args) => registry::set(call, &args),
        Calls::transferWorld(args) => registry::transfer(call, args.world, args.to),
        Calls::allow(args) => registry::allow(call, args.world, args.account, args.allowed),
        Calls::claim(args) => claims::claim(call, args.world, place(args.x, args.y, args.z), args.dataset, args.build),
        Calls::renewClaim(args) => claims::renew(call, args.world, place(args.x, args.y, args.z)),
        Calls::releaseClaim(args) => claims::release(call, args.world, place(args.x, args.y, args.z)),
        Calls::transferClaim(args) => claims::transfer(call, args.world, place(args.x, args.y, args.z), args.to),
        Calls::setAccess(args) => access::set_access(call, place(args.x, args.y, args.z), &args),
        Calls::setCompacted(args) => access::set_compacted(call, place(args.x, args.y, args.z), &args),
        Calls::setClaimDataset(args) => {
            access::set_dataset(call, args.world, place(args.x, args.y, args.z), args.dataset)
        }
        // `query::answer` has taken every view before.
        _ => Err(refuse(IWorlds::BrokenPromise { what: "a view came to the writers".to_owned() })),
    }
}

/// A location as the calls name it.
pub fn place(x: i64, y: i64, z: i64) -> Place {
    Place { x, y, z }
}
