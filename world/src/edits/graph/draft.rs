//! What an author would sign next: the replica's heads as parents, and a list in force that gives him the right.

use bitdust_types::Address;

use super::{
    super::{AccessId, Body, OpHash, Statement, limits},
    Act, Dropped, Graph,
};

/// Why there is nothing for an author to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// No list in force gives the right.
    #[error("{author} has no right to {act} here: ask the owner to be named in the access list")]
    NoRight {
        /// Who asked.
        author: Address,
        /// What for.
        act: &'static str,
    },
    /// Everybody would drop it.
    #[error("everybody would drop what {author} signs here ({dropped:?}): ask the owner to be let in again")]
    Dropped {
        /// Who asked.
        author: Address,
        /// Why.
        dropped: Dropped,
    },
    /// The location is full.
    #[error("the location has no room for more edits until its owner or a compactor folds them into a new version")]
    Full,
}

impl Graph {
    /// An operation on top of what this replica has, for its author to sign and insert.
    ///
    /// If there are more than 16 heads the deepest that count are taken.
    pub fn draft(&self, author: Address, body: Body) -> Result<Statement, DraftError> {
        let parents = self.parents_for_draft();
        let (deepest, lists) = self.at_parents(&parents);
        let mut error = DraftError::NoRight { author, act: body.act() };
        let may_add = match body {
            Body::Access { .. } => self.authority.lists.len() < limits::LISTS_MAX,
            Body::Revoke { .. } => self.authority.revocations.len() < limits::REVOCATIONS_MAX,
            Body::Place(_) | Body::Note { .. } => self.usage.ops < limits::OPS_MAX,
        };
        if !may_add {
            return Err(DraftError::Full);
        }
        let mut chosen: Option<AccessId> = None;
        for access in lists {
            let has_right =
                self.authority.lists.get(&access).is_some_and(|list| self.authority.gives_right(list, author, &body));
            if !has_right {
                continue;
            }
            match self.authority.verdict(&self.standing, Act { author, access, body: &body, at: None, hash: None }) {
                // A void list can be replaced, but not built upon.
                Some(Dropped::VoidList(_)) if matches!(body, Body::Access { .. }) => chosen = Some(access),
                Some(dropped) => error = DraftError::Dropped { author, dropped },
                None => {
                    chosen = Some(access);
                    break;
                }
            }
        }
        let access = chosen.ok_or(error)?;
        let claim = &self.claim;
        let depth = deepest + 1;
        Ok(Statement { chain: claim.chain, world: claim.world, pos: claim.pos, parents, depth, access, body })
    }

    /// A revocation of a key's rights that leaves what this replica has seen.
    pub fn draft_revocation(&self, author: Address, key: Address) -> Result<Statement, DraftError> {
        self.draft(author, Body::Revoke { key, seen: self.parents_for_draft() })
    }

    fn parents_for_draft(&self) -> Vec<OpHash> {
        let mut heads: Vec<(bool, u64, OpHash)> = self
            .heads
            .iter()
            .map(|hash| match self.index.get(hash) {
                Some(at) => {
                    let node = &self.log[*at as usize];
                    (node.dropped.is_none(), node.depth(), *hash)
                }
                None => (true, self.base_index.get(hash).map_or(0, |at| self.base.depth_of(*at)), *hash),
            })
            .collect();
        heads.sort_unstable_by(|a, b| b.cmp(a));
        let deepest = heads.iter().copied().max_by_key(|(_, depth, _)| *depth);
        heads.truncate(limits::PARENTS_MAX);
        // Heads that count go first, but at least one must reach above the base's horizon.
        if heads.iter().all(|(_, depth, _)| *depth < self.base.floor()) {
            heads.pop();
            heads.extend(deepest);
        }
        let mut parents: Vec<OpHash> = heads.into_iter().map(|(_, _, hash)| hash).collect();
        parents.sort_unstable();
        parents
    }
}
