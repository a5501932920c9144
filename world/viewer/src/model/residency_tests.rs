//! The life of a chunk: wanted, arriving, meshed, changed, evicted.

use bitdust_world::block;

use super::*;

fn at(x: i64, y: i64, z: i64) -> ChunkPos {
    ChunkPos::new(x, y, z)
}

/// Plans for a cube of chunks around a centre, seen but for its outermost layer.
fn cube(table: &mut Residency, centre: ChunkPos, radius: i64, level: u8) -> Plan {
    let distance = |pos: ChunkPos| {
        let [x, y, z] = pos.origin().since(centre.origin()).map(|voxels| (voxels >> 5).abs());
        x.max(y).max(z)
    };
    let mut wants = vec![];
    for i in 0..(2 * radius + 1).pow(3) {
        let side = 2 * radius + 1;
        let pos = wrap(centre.offset(i % side - radius, i / side % side - radius, i / side / side - radius));
        if !table.holds(pos) {
            wants.push((pos, 100 * distance(pos) as u64));
        }
    }
    let far: Vec<ChunkPos> = table.slots.keys().copied().filter(|pos| distance(*pos) > radius).collect();
    let plan = table.plan(&wants, &far);
    table.look(|pos| Aspect { drawn: distance(pos) < radius, level, rank: distance(pos) as u32 });
    plan
}

fn arrive_all(table: &mut Residency, plan: &Plan) {
    for (pos, _) in &plan.request {
        assert!(table.arrived(*pos, PackedChunk::uniform(block::STONE), Label::Generator, 0));
    }
}

fn mesh_all(table: &mut Residency) -> Vec<ChunkPos> {
    let jobs = table.jobs(usize::MAX);
    jobs.into_iter()
        .map(|job| {
            assert!(table.finished(job.pos, job.ticket, job.level));
            job.pos
        })
        .collect()
}

#[test]
fn a_chunk_is_meshed_once_its_neighbours_are_there() {
    let mut table = Residency::default();
    let plan = cube(&mut table, at(0, 0, 0), 1, 0);
    assert_eq!(plan.request.len(), 27);
    for (i, (pos, _)) in plan.request.iter().enumerate() {
        assert!(table.jobs(9).is_empty(), "after {i} of 27 chunks");
        table.arrived(*pos, PackedChunk::uniform(block::STONE), Label::Supplier, 3);
    }
    assert_eq!(mesh_all(&mut table), [at(0, 0, 0)]);
    assert!(table.is_complete());
    assert_eq!(table.by_label()[0], (Label::Supplier, 27));
}

#[test]
fn walking_requests_and_evicts_a_layer_and_meshes_nothing_twice() {
    let mut table = Residency::default();
    let plan = cube(&mut table, at(0, 0, 0), 3, 0);
    arrive_all(&mut table, &plan);
    assert_eq!(mesh_all(&mut table).len(), 125);
    let plan = cube(&mut table, at(1, 0, 0), 3, 0);
    assert_eq!((plan.request.len(), plan.drop.len()), (49, 49));
    assert!(plan.drop.iter().all(|pos| pos.x == -3));
    arrive_all(&mut table, &plan);
    assert!(mesh_all(&mut table).iter().all(|pos| pos.x >= 2), "only what wasn't drawn, and what saw new neighbours");
    assert_eq!(table.count().wanted, 343);
}

#[test]
fn a_request_that_leaves_the_plan_is_dropped() {
    let mut table = Residency::default();
    table.plan(&[(at(0, 0, 0), 5), (at(1, 0, 0), 6)], &[]);
    let plan = table.plan(&[(at(1, 0, 0), 6)], &[]);
    assert_eq!(plan, Plan { request: vec![], drop: vec![at(0, 0, 0)] });
    assert_eq!(table.plan(&[(at(1, 0, 0), 1)], &[]), Plan::default(), "asked for once");
}

#[test]
fn an_unwanted_answer_and_an_older_version_are_refused() {
    let mut table = Residency::default();
    cube(&mut table, at(0, 0, 0), 1, 0);
    assert!(!table.arrived(at(9, 9, 9), PackedChunk::uniform(bitdust_world::BlockId::AIR), Label::Player, 1));
    assert!(table.arrived(at(0, 0, 0), PackedChunk::uniform(block::DIRT), Label::Supplier, 5));
    assert!(!table.arrived(at(0, 0, 0), PackedChunk::uniform(block::STONE), Label::Cache, 4));
    assert_eq!(table.block(VoxelPos::new(1, 2, 3)), Some(block::DIRT));
}

#[test]
fn a_mesh_for_an_evicted_chunk_is_not_shown() {
    let mut table = Residency::default();
    let plan = cube(&mut table, at(0, 0, 0), 1, 0);
    arrive_all(&mut table, &plan);
    let job = table.jobs(1).remove(0);
    cube(&mut table, at(99, 0, 0), 0, 0);
    assert!(!table.finished(job.pos, job.ticket, job.level));
    // Wanted again meanwhile: the old ticket doesn't count for the new life.
    let plan = cube(&mut table, at(0, 0, 0), 1, 0);
    arrive_all(&mut table, &plan);
    assert!(!table.finished(job.pos, job.ticket, job.level));
    assert_eq!(mesh_all(&mut table).len(), 1);
}

#[test]
fn an_edit_at_a_corner_soils_eight_chunks_and_one_inside_only_its_own() {
    let mut table = Residency::default();
    let plan = cube(&mut table, at(0, 0, 0), 3, 0);
    arrive_all(&mut table, &plan);
    mesh_all(&mut table);
    assert_eq!(table.set(VoxelPos::new(5, 5, 5), BlockId::AIR), Some(block::STONE));
    assert_eq!(mesh_all(&mut table), [at(0, 0, 0)]);
    table.set(VoxelPos::new(0, 31, 0), block::DIRT);
    assert_eq!(mesh_all(&mut table).len(), 8);
    table.set(VoxelPos::new(0, 31, 0), block::DIRT);
    assert!(mesh_all(&mut table).is_empty(), "nothing changed");
    assert_eq!(table.set(VoxelPos::new(9999, 0, 0), block::DIRT), None);
}

#[test]
fn a_chunk_edited_while_it_is_meshed_is_meshed_again() {
    let mut table = Residency::default();
    let plan = cube(&mut table, at(0, 0, 0), 1, 0);
    arrive_all(&mut table, &plan);
    let job = table.jobs(1).remove(0);
    table.set(VoxelPos::new(5, 5, 5), block::DIRT);
    assert!(table.jobs(9).is_empty(), "one mesh of a chunk at a time");
    assert!(table.finished(job.pos, job.ticket, job.level));
    assert_eq!(mesh_all(&mut table), [at(0, 0, 0)]);
}

#[test]
fn coming_nearer_asks_for_a_finer_mesh() {
    let mut table = Residency::default();
    let plan = cube(&mut table, at(0, 0, 0), 2, 2);
    arrive_all(&mut table, &plan);
    assert_eq!(mesh_all(&mut table).len(), 27);
    cube(&mut table, at(0, 0, 0), 2, 0);
    assert_eq!(table.count().unmeshed, 27);
    assert_eq!(table.jobs(1)[0].level, 0);
    assert!(table.is_shown(at(0, 0, 0)), "the coarse one stays until then");
}

#[test]
fn the_end_of_the_world_is_a_place_like_any_other() {
    let end = VoxelPos::new(i64::MAX, 0, i64::MIN).chunk();
    let mut table = Residency::default();
    let plan = cube(&mut table, end, 2, 0);
    arrive_all(&mut table, &plan);
    assert_eq!(mesh_all(&mut table).len(), 27);
    assert!(table.is_complete());
}
