//! Claims as places to go to: each by itself, and where several lie together, the settlement that they make.
//!
//! Claims have no names; a village's beside them makes a better one than coordinates. A visitor arrives on the ground: within
//! the claim, or below one that hangs in the air.

use std::collections::HashSet;

use bitdust_rpc::types::world::ClaimInfo;
use bitdust_world::{LocationPos, VoxelPos};

use super::land::short;
use crate::source::{Place, PlaceKind};

/// Claims that lie together make a settlement from so many on.
const CLAIMS_MIN: usize = 3;
/// Together means at most so many locations from the middle one.
const REACH: i64 = 2;
/// A village lends its name so far around, in metres.
const BESIDE_M: i64 = 1_000;

/// The places that claims make: settlements first, the largest of them first.
pub(super) fn places(claims: &[ClaimInfo], villages: &[Place], ground: &dyn Fn(i64, i64) -> i64) -> Vec<Place> {
    let arrival = |pos: LocationPos| {
        let corner = pos.chunk(0).origin();
        let (x, z) = (corner.x.wrapping_add(128), corner.z.wrapping_add(128));
        VoxelPos::new(x, ground(x, z).wrapping_add(1), z)
    };
    let mut places = vec![];
    for (middle, count) in settlements(claims) {
        let at = arrival(middle);
        let name = format!("{count} claims {}", whereabouts(at, villages));
        places.push(Place { name, at, kind: PlaceKind::Popular, owner: String::new() });
    }
    places.extend(claims.iter().map(|claim| {
        let at = arrival(claim.pos);
        let name = format!("Claim {}", whereabouts(at, villages));
        Place { name, at, kind: PlaceKind::Claimed, owner: short(claim.owner) }
    }));
    places
}

/// Where claims lie together: the middle of each settlement and how many there are.
fn settlements(claims: &[ClaimInfo]) -> Vec<(LocationPos, usize)> {
    let together = |a: LocationPos, b: LocationPos| a.since(b).iter().all(|by| (-REACH..=REACH).contains(by));
    let mut left: HashSet<LocationPos> = claims.iter().map(|claim| claim.pos).collect();
    let mut found = vec![];
    loop {
        let count = |pos: LocationPos| left.iter().filter(|other| together(**other, pos)).count();
        let most = left.iter().map(|pos| (count(*pos), *pos)).max();
        let Some((count, middle)) = most.filter(|(count, _)| *count >= CLAIMS_MIN) else { return found };
        found.push((middle, count));
        left.retain(|pos| !together(*pos, middle));
    }
}

fn whereabouts(at: VoxelPos, villages: &[Place]) -> String {
    let away = |village: &&Place| {
        let [x, _, z] = village.at.since(at);
        x.saturating_abs().max(z.saturating_abs())
    };
    match villages.iter().min_by_key(away).filter(|village| away(village) <= BESIDE_M) {
        Some(village) => format!("by {}", village.name),
        None => format!("at {} {}", at.x, at.z),
    }
}

#[cfg(test)]
mod tests {
    use bitdust_types::DatasetId;

    use super::*;

    fn claim(x: i64, y: i64, z: i64) -> ClaimInfo {
        ClaimInfo {
            pos: LocationPos::new(x, y, z),
            owner: "0x00112233445566778899aabbccddeeff00112233".parse().unwrap(),
            dataset: DatasetId([1; 32]),
            build: Default::default(),
            end_epoch: 9,
            sequence: 0,
        }
    }

    #[test]
    fn a_visitor_arrives_on_the_ground_wherever_the_claim_lies() {
        let ground = |x: i64, z: i64| x + z;
        for y in [-1, 0, 3] {
            let made = places(&[claim(1, y, 2)], &[], &ground);
            assert_eq!(made.len(), 1);
            assert_eq!(made[0].at, VoxelPos::new(384, 384 + 640 + 1, 640));
            assert_eq!((made[0].name.as_str(), made[0].owner.as_str()), ("Claim at 384 640", "0x0011…2233"));
        }
    }

    #[test]
    fn a_village_lends_its_name() {
        let at = VoxelPos::new(700, 80, 128);
        let village = Place { name: "Colhurst".into(), at, kind: PlaceKind::Village, owner: String::new() };
        let named = |x| places(&[claim(x, 0, 0)], std::slice::from_ref(&village), &|_, _| 70)[0].name.clone();
        assert_eq!([named(0), named(-9)], ["Claim by Colhurst", "Claim at -2176 128"]);
    }

    #[test]
    fn claims_that_lie_together_are_a_settlement() {
        let claims = [[0, 0], [1, 0], [2, 1], [9, 9], [10, 9], [30, 0], [31, 0], [32, 0], [33, 0]];
        let claims: Vec<ClaimInfo> = claims.iter().map(|[x, z]| claim(*x, 0, *z)).collect();
        let made = places(&claims, &[], &|_, _| 70);
        let popular: Vec<&str> =
            made.iter().filter(|place| place.kind == PlaceKind::Popular).map(|place| place.name.as_str()).collect();
        assert_eq!(popular.len(), 2);
        assert!(popular[0].starts_with("4 claims") && popular[1].starts_with("3 claims"), "{popular:?}");
        assert_eq!(made.len(), 2 + claims.len());
    }
}
