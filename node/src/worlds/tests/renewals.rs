//! Places that outlast a term, and their owners.

use super::*;

fn hashes(survey: crate::worlds::survey::Survey) -> Vec<u8> {
    survey.hashes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_its_dataset_and_the_definition_are_kept_for_another_term() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let (guest, _guests_dir) = player(&network, 2);
    let def = read_definition(&DEFINITION.replace("1000", "120"), owner.account()).unwrap();
    let world = owner.create(&def, terms(), 100).await.unwrap().0;
    let pos = LocationPos::new(0, 0, 0);
    let new = NewClaim { pos, build: 0, epochs: Some(60) };
    owner.claim_place(world, &new, terms()).await.unwrap();
    let list = AccessList { guests: vec![guest.account()], builders: Builders::Guests, ..AccessList::default() };
    owner.set_access(world, pos, list).await.unwrap();
    let claim = owner.claim(world, pos).unwrap().unwrap();

    // Too early for the claim; its dataset and the definition are brought to where they must be.
    let early = owner.renew(world, Some(pos), terms()).await.unwrap();
    assert_eq!((early.price, early.renewable_from), (U256::ZERO, Some(Epoch(claim.until.0 - 60))));
    assert_eq!(early.dataset_until, Some(Epoch(claim.until.0 + 7)));
    assert!(early.definition_until.is_some_and(|until| until.0 >= claim.start.0 + 120), "{early:?}");
    let writers = crate::chain_api::look(&*network.chain, |view, _| Ok(view.writers(claim.dataset)?)).unwrap();
    assert_eq!(
        writers.iter().map(|known| (known.writer, known.expiry)).collect::<Vec<_>>(),
        [(guest.account(), Epoch(claim.until.0 + 7))]
    );
    let refused = guest.renew(world, Some(pos), terms()).await.unwrap_err().to_string();
    assert!(refused.contains("belongs to"), "{refused}");
    let refused = guest.renew(world, None, terms()).await.unwrap_err().to_string();
    assert!(refused.contains("name a location of yours"), "{refused}");

    let renewed = async {
        loop {
            let renewed = owner.renew(world, Some(pos), terms()).await.unwrap();
            if renewed.price > U256::ZERO {
                return renewed;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let renewed = tokio::time::timeout(Duration::from_secs(120), renewed).await.expect("half of a term goes by");
    let after = owner.claim(world, pos).unwrap().unwrap();
    assert_eq!(after.until.0, claim.until.0 + 120);
    assert_eq!(renewed.dataset_until, Some(Epoch(after.until.0 + 7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_built_is_kept_when_a_place_is_passed_on() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let (heir, _heirs_dir) = player(&network, 2);
    let world = publish(&owner).await;
    let pos = LocationPos::new(4, 0, -4);
    claim(&owner, world, pos).await;
    owner.edit(world, &tower(pos)).await.unwrap();
    let built = hashes(owner.survey(world, pos).await.unwrap());
    owner.transfer(world, pos, heir.account()).await.unwrap();
    let passed_on = owner.claim(world, pos).unwrap().unwrap();
    assert_eq!((passed_on.owner, passed_on.sequence), (heir.account(), 1), "the ledger names all of it");

    heir.renew(world, Some(pos), terms()).await.unwrap();
    let moved = heir.claim(world, pos).unwrap().unwrap();
    assert!(moved.dataset != passed_on.dataset && moved.sequence == 2, "{moved:?}");
    // What the former owner's dataset holds doesn't matter any more.
    owner.customer.end(passed_on.dataset).await.unwrap();
    let (newcomer, _newcomers_dir) = player(&network, 3);
    assert_eq!(hashes(newcomer.survey(world, pos).await.unwrap()), built);
    assert_eq!(hashes(heir.survey(world, pos).await.unwrap()), built);
    let refused = format!("{:#}", owner.edit(world, &tower(pos)).await.unwrap_err());
    assert!(refused.contains("has no right to build"), "{refused}");
    // It is the heir's to build on, and versions go on.
    heir.edit(world, &[(pos.chunk(0).origin(), block::GLASS)]).await.unwrap();
    assert_eq!(heir.save(world, pos).await.unwrap().sequence, 3);
    let chunk = pos.chunk(0);
    let seen = see(&newcomer, world, &[chunk]).await[&chunk].0.clone();
    assert_eq!((seen.get(0, 0, 0), seen.get(3, 5, 3)), (block::GLASS, BlockId(6)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_given_back_is_free_and_its_escrow_is_back() {
    let network = Network::start(4).await;
    let (owner, _owners_dir) = player(&network, 1);
    let (other, _others_dir) = player(&network, 2);
    let world = publish(&owner).await;
    let pos = LocationPos::new(0, 0, 5);
    claim(&owner, world, pos).await;
    let dataset = owner.claim(world, pos).unwrap().unwrap().dataset;
    let refused = other.release(world, pos).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("belongs to"), "{refused}");
    assert!(owner.release(world, pos).await.unwrap().1);
    assert!(owner.claim(world, pos).unwrap().is_none() && owner.is_over(dataset).unwrap());
    assert!(owner.place(world, pos).await.unwrap().is_none());
    claim(&other, world, pos).await;
}

/// Its creator has let the definition go. Whoever was there has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_world_whose_definition_is_gone_is_walked_by_those_who_know_it() {
    let network = Network::start(4).await;
    let (creator, _creators_dir) = player(&network, 1);
    let world = publish(&creator).await;
    let dir = tempfile::tempdir().unwrap();
    let visitor = player_in(&network, 2, dir.path());
    let before = visitor.world(world).await.unwrap().bytes.clone();
    drop(visitor);
    creator.customer.end(creator.info(world).unwrap().dataset).await.unwrap();
    let visitor = player_in(&network, 2, dir.path());
    assert_eq!(visitor.world(world).await.unwrap().bytes, before);
    // Its creator brings it back.
    let renewed = creator.renew(world, None, terms()).await.unwrap();
    assert!(renewed.definition_until.is_some() && renewed.dataset_until.is_none(), "{renewed:?}");
    assert!(!creator.is_over(creator.info(world).unwrap().dataset).unwrap());
    let (newcomer, _newcomers_dir) = player(&network, 3);
    assert_eq!(newcomer.world(world).await.unwrap().bytes, before);
}
