//! Players whose signatures cost nothing, and what they do.

use bitdust_types::{
    Address, B256,
    signing::{InvalidSignature, SignatureBytes},
};

use super::super::{
    AccessId, AccessList, Body, Builders, Checked, Claim, Graph, Inserted, Op, OpHash, Recover, Statement,
};
use crate::{block::BlockId, place::LocationPos};

/// Takes a signature to be the author's address and the hash that was signed.
pub struct Plain;

impl Recover for Plain {
    fn author(&self, hash: B256, signature: &SignatureBytes) -> Result<Address, InvalidSignature> {
        if signature[20..52] == hash[..] {
            Ok(Address::from_slice(&signature[..20]))
        } else {
            Err(InvalidSignature::NoKey)
        }
    }
}

pub const OWNER: Address = Address::repeat_byte(1);
pub const HEIR: Address = Address::repeat_byte(2);
pub const STEWARD: Address = Address::repeat_byte(3);
pub const OTHER_STEWARD: Address = Address::repeat_byte(4);
pub const GUEST: Address = Address::repeat_byte(5);
pub const OTHER_GUEST: Address = Address::repeat_byte(6);
pub const STRANGER: Address = Address::repeat_byte(7);
pub const OTHER_STRANGER: Address = Address::repeat_byte(8);
pub const ALL: [Address; 8] = [OWNER, HEIR, STEWARD, OTHER_STEWARD, GUEST, OTHER_GUEST, STRANGER, OTHER_STRANGER];

pub fn list(builders: Builders) -> AccessList {
    AccessList {
        guests: vec![GUEST, OTHER_GUEST],
        builders,
        compactors: vec![STEWARD, OTHER_STEWARD],
        lifted: Vec::new(),
    }
}

pub fn claim(builders: Builders) -> Claim {
    Claim { chain: 45439, world: [9; 32], pos: LocationPos::new(-3, 0, 1 << 50), owner: OWNER, access: list(builders) }
}

pub fn graph(builders: Builders) -> Graph {
    Graph::new(claim(builders)).unwrap()
}

pub fn sign(author: Address, statement: Statement) -> Checked {
    let mut signature = [0; 65];
    signature[..20].copy_from_slice(author.as_slice());
    signature[20..52].copy_from_slice(statement.signing_hash().as_slice());
    Op { statement, signature }.check(&Plain).unwrap()
}

/// What a modified client signs: any parents and list, with the depth that fits.
pub fn forge(graph: &Graph, author: Address, parents: &[OpHash], access: AccessId, body: Body) -> Checked {
    let mut parents = parents.to_vec();
    parents.sort();
    let depth = 1 + parents.iter().map(|parent| graph.depth(parent).unwrap()).max().unwrap_or(0);
    let claim = graph.claim();
    sign(author, Statement { chain: claim.chain, world: claim.world, pos: claim.pos, parents, depth, access, body })
}

pub fn place(voxel: u32, block: u16) -> Body {
    Body::Place(vec![(voxel, BlockId(block))])
}

/// Signs on top of what the replica has, and inserts it there.
pub fn act(graph: &mut Graph, author: Address, body: Body) -> Checked {
    let op = sign(author, graph.draft(author, body).unwrap());
    assert_eq!(graph.insert(op.clone()), Ok(Inserted::Applied), "{op:?}");
    op
}

pub fn revoke(graph: &mut Graph, author: Address, key: Address) -> Checked {
    let op = sign(author, graph.draft_revocation(author, key).unwrap());
    assert_eq!(graph.insert(op.clone()), Ok(Inserted::Applied));
    op
}

/// Carries everything from one replica's log to another's.
pub fn carry(from: &Graph, to: &mut Graph) {
    for op in from.log() {
        to.insert(op.clone()).unwrap();
    }
}

pub fn exchange(a: &mut Graph, b: &mut Graph) {
    carry(a, b);
    carry(b, a);
    assert_eq!(a.state_hash(), b.state_hash());
}
