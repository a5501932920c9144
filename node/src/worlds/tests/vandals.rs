//! A guest whom the owner entrusted with the dataset, and whose program does with it what no honest one would.

use bitdust_types::DatasetId;
use bitdust_world::{
    edits::{Claim, Folded},
    location::{LogSegment, Snapshot, Stored, Version, base_file, chunks_file, edits_file, manifest_file},
};

use super::*;
use crate::worlds::{building::bytes_of, keeping::file, place::Place, registry::location_file};

/// An owner's place with a guest who may write its dataset.
struct Scene {
    network: Network,
    owner: Arc<Worlds>,
    owners_dir: tempfile::TempDir,
    /// What keeps the owner's edits.
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
    guest: Arc<Worlds>,
    _guests_dir: tempfile::TempDir,
    world: B256,
    pos: LocationPos,
    dataset: DatasetId,
}

impl Scene {
    async fn set() -> Self {
        let network = Network::start(4).await;
        let owners_dir = tempfile::tempdir().unwrap();
        let owner = player_in(&network, 1, owners_dir.path());
        let running = tokio::spawn(owner.clone().run());
        let (guest, _guests_dir) = player(&network, 2);
        let world = publish(&owner).await;
        let pos = LocationPos::new(0, 2, 0);
        claim(&owner, world, pos).await;
        let scene = Scene {
            dataset: owner.claim(world, pos).unwrap().unwrap().dataset,
            network,
            owner,
            owners_dir,
            running,
            guest,
            _guests_dir,
            world,
            pos,
        };
        scene.let_in().await;
        scene
    }

    async fn let_in(&self) {
        let guests = vec![self.guest.account()];
        let list = AccessList { guests, builders: Builders::Guests, ..AccessList::default() };
        self.owner.set_access(self.world, self.pos, list).await.unwrap();
        until_kept(&self.owner, self.world, self.pos).await;
    }

    /// Overwrites a file of the place, as the guest.
    async fn overwrite(&self, name: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        let path = location_file(self.world, self.pos, name);
        self.guest.customer.put_one(self.dataset, file(path, bytes, false)).await.map(drop)
    }

    async fn open(&self, worlds: &Worlds) -> Arc<Place> {
        worlds.place(self.world, self.pos).await.unwrap().unwrap()
    }

    /// The first chunk as somebody sees it.
    async fn seen_by(&self, worlds: &Arc<Worlds>) -> Chunk {
        let chunk = self.pos.chunk(0);
        see(worlds, self.world, &[chunk]).await[&chunk].0.clone()
    }

    async fn newcomer(&self, number: usize) -> (Arc<Worlds>, tempfile::TempDir) {
        player(&self.network, number)
    }
}

/// A version that nobody asked for: the place's first chunk is all gold.
fn forged(scene: &Scene, sequence: u64, def: &bitdust_world::content::WorldDef) -> (Snapshot, Vec<u8>) {
    let claim = Claim {
        chain: bitdust_types::params::DEVNET,
        world: scene.world.0,
        pos: scene.pos,
        owner: scene.owner.account(),
        access: AccessList::default(),
    };
    let base = Folded::unchanged(&claim).encode();
    let version = Version {
        world: scene.world.0,
        pos: scene.pos,
        sequence,
        seed: def.seed,
        generator: def.generator,
        params: def.params.clone(),
        folded: Vec::new(),
        base: Some(Stored { bytes: base.len() as u32, hash: bitdust_proof::blob::root(&base) }),
        log_first: 1000,
        author: scene.guest.account(),
    };
    let changed = BTreeMap::from([(0, Chunk::uniform(block::RED_BLOCK))]);
    (Snapshot::build(version, &changed, |_| bitdust_types::Root([7; 32])).unwrap(), base)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_the_ledger_does_not_name_is_nobodys() {
    let scene = Scene::set().await;
    scene.owner.edit(scene.world, &tower(scene.pos)).await.unwrap();
    scene.owner.save(scene.world, scene.pos).await.unwrap();
    let honest = scene.seen_by(&scene.owner).await;
    assert_eq!(honest.get(3, 5, 3), BlockId(6));
    let (visitor, _visitors_dir) = scene.newcomer(3).await;
    assert_eq!(scene.seen_by(&visitor).await, honest);

    let def = scene.owner.world(scene.world).await.unwrap().def.clone();
    let (snapshot, base) = forged(&scene, 2, &def);
    let hash = snapshot.manifest.hash();
    scene.overwrite(&base_file(2, &hash), base).await.unwrap();
    scene.overwrite(&chunks_file(2, &hash), snapshot.frames).await.unwrap();
    scene.overwrite(&manifest_file(2, &hash), snapshot.manifest.encode()).await.unwrap();
    let (newcomer, _newcomers_dir) = scene.newcomer(4).await;
    for player in [&scene.owner, &visitor, &newcomer] {
        assert_eq!(scene.seen_by(player).await, honest);
        assert_eq!(player.survey(scene.world, scene.pos).await.unwrap().sequence, 1);
    }
    // The next honest version has the number that the guest had taken, and nothing of the guest's stays.
    scene.owner.edit(scene.world, &[(scene.pos.chunk(0).origin(), block::GLASS)]).await.unwrap();
    assert_eq!(scene.owner.save(scene.world, scene.pos).await.unwrap().sequence, 2);
    let files = scene.owner.customer.manifest(scene.dataset).await.unwrap();
    assert!(files.file(&location_file(scene.world, scene.pos, &manifest_file(2, &hash))).is_none());
    assert_eq!(scene.seen_by(&newcomer).await.get(0, 0, 0), block::GLASS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_was_destroyed_is_brought_back_by_the_owners_node() {
    let scene = Scene::set().await;
    scene.owner.edit(scene.world, &tower(scene.pos)).await.unwrap();
    scene.owner.save(scene.world, scene.pos).await.unwrap();
    let honest = scene.seen_by(&scene.owner).await;
    let (visitor, _visitors_dir) = scene.newcomer(3).await;
    assert_eq!(scene.seen_by(&visitor).await, honest);
    let place = scene.open(&scene.owner).await;
    assert!(!scene.owner.is_due_to_save(&place));

    let hash = place.state().manifest.as_ref().unwrap().hash();
    for name in [manifest_file(1, &hash), base_file(1, &hash), chunks_file(1, &hash)] {
        scene.overwrite(&name, vec![7; 200_000]).await.unwrap();
    }
    assert_eq!(scene.seen_by(&visitor).await, honest, "who was there has it");
    // The owner's node has started since: all that it knows is on its disk.
    scene.running.abort();
    drop(place);
    let owner = player_in(&scene.network, 1, scene.owners_dir.path());
    let scene = Scene { owner, ..scene };
    let place = scene.open(&scene.owner).await;
    assert!(scene.owner.is_due_to_save(&place), "it sees that files are gone");
    let theirs = scene.open(&visitor).await;
    assert!(!visitor.is_due_to_save(&theirs), "that is the owner's to mend");
    let saved = scene.owner.save(scene.world, scene.pos).await.unwrap();
    assert_eq!((saved.sequence, saved.folded), (2, 0));
    assert!(!scene.owner.is_due_to_save(&place));
    let (newcomer, _newcomers_dir) = scene.newcomer(4).await;
    for player in [&scene.owner, &visitor, &newcomer] {
        assert_eq!(scene.seen_by(player).await, honest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_overwritten_is_mended_and_forgotten_by_nobody() {
    let scene = Scene::set().await;
    scene.owner.edit(scene.world, &tower(scene.pos)).await.unwrap();
    until_kept(&scene.owner, scene.world, scene.pos).await;
    let honest = scene.seen_by(&scene.owner).await;
    let (visitor, _visitors_dir) = scene.newcomer(3).await;
    assert_eq!(scene.seen_by(&visitor).await, honest);
    let edits = visitor.survey(scene.world, scene.pos).await.unwrap().edits;

    scene.overwrite(&edits_file(0), vec![7; 200_000]).await.unwrap();
    let known = visitor.survey(scene.world, scene.pos).await.unwrap();
    assert_eq!(known.edits, edits, "what is known stays known");
    assert_eq!(scene.seen_by(&visitor).await, honest);
    let blamed = visitor.stats().blamed;
    assert!(blamed.iter().any(|blamed| blamed.reason.contains("ends before edit 0")), "{blamed:?}");
    // The owner's node looks, lacks edits in the log, and writes it anew.
    let mended = async {
        loop {
            scene.open(&scene.owner).await;
            let files = scene.owner.customer.manifest(scene.dataset).await.unwrap();
            let path = location_file(scene.world, scene.pos, &edits_file(0));
            if files.file(&path).is_some_and(|file| file.bytes != 200_000) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), mended).await.expect("the owner's node mends the log");
    let (newcomer, _newcomers_dir) = scene.newcomer(4).await;
    assert_eq!(scene.seen_by(&newcomer).await, honest);
    assert_eq!(newcomer.survey(scene.world, scene.pos).await.unwrap().edits, edits);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_guest_writes_no_more_and_can_be_let_in_again() {
    let scene = Scene::set().await;
    let voxel = |x| (scene.pos.chunk(0).origin().offset(x, 0, 0), block::GLASS);
    scene.guest.edit(scene.world, &[voxel(1)]).await.unwrap();
    scene.overwrite("note", vec![1; 200_000]).await.unwrap();
    scene.owner.revoke(scene.world, scene.pos, scene.guest.account()).await.unwrap();
    until_kept(&scene.owner, scene.world, scene.pos).await;
    let refused = format!("{:#}", scene.overwrite("note", vec![2; 400_000]).await.unwrap_err());
    assert!(refused.contains("writer") || refused.contains("may not write"), "{refused}");
    let listed =
        scene.owner.look(|view, _| Ok(view.access(scene.world, super::super::registry::on_ledger(scene.pos))?));
    assert!(listed.unwrap().unwrap().guests.is_empty());
    let refused = format!("{:#}", scene.guest.edit(scene.world, &[voxel(2)]).await.unwrap_err());
    assert!(refused.contains("let in again"), "{refused}");
    // Once more is no error, though there is nothing left to take.
    scene.owner.revoke(scene.world, scene.pos, scene.guest.account()).await.unwrap();

    scene.let_in().await;
    let is_back = async {
        while scene.guest.edit(scene.world, &[voxel(3)]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_back).await.expect("who is named again builds again");
    until_kept(&scene.guest, scene.world, scene.pos).await;
    assert_eq!(scene.seen_by(&scene.owner).await.get(3, 0, 0), block::GLASS);
}

/// A guest's node appends to the log that it knows while the owner's makes a version of it: two blocks, but it happens.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_was_appended_while_a_version_was_made_is_not_lost() {
    let scene = Scene::set().await;
    scene.owner.edit(scene.world, &tower(scene.pos)).await.unwrap();
    until_kept(&scene.owner, scene.world, scene.pos).await;
    let place = scene.open(&scene.owner).await;
    let newest = place.state().log.newest;
    scene.guest.edit(scene.world, &[(scene.pos.chunk(0).origin(), block::GLASS)]).await.unwrap();
    let late = scene.open(&scene.guest).await.state().graph.log().last().map(bytes_of).unwrap();
    assert_eq!(scene.owner.save(scene.world, scene.pos).await.unwrap().folded, 2, "the list and the tower");
    let first = place.state().log.next;
    let segment = LogSegment { first, previous: newest, ops: vec![late] };
    scene.overwrite(&edits_file(first), segment.encode().unwrap()).await.unwrap();

    let is_seen = async {
        while scene.seen_by(&scene.owner).await.get(0, 0, 0) != block::GLASS {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_seen).await.expect("the owner's node takes the edit in");
    until_kept(&scene.owner, scene.world, scene.pos).await;
    let (newcomer, _newcomers_dir) = scene.newcomer(4).await;
    let seen = scene.seen_by(&newcomer).await;
    assert_eq!((seen.get(0, 0, 0), seen.get(3, 5, 3)), (block::GLASS, BlockId(6)));
}
