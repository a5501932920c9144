//! Bodies in small worlds made of one function each.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::place::ChunkPos;

const STEP_S: f64 = 0.05;

/// Places that a body must not tell apart: the middle of the world, far out, and where coordinates wrap around.
const ORIGINS: [VoxelPos; 5] = [
    VoxelPos::new(0, 0, 0),
    VoxelPos::new(1_000_000_000_000_000, 64, -1_000_000_000_000_000),
    VoxelPos::new(i64::MAX - 31, i64::MAX - 31, i64::MAX - 31),
    VoxelPos::new(i64::MIN, i64::MIN, i64::MIN),
    VoxelPos::new(-32, 32, i64::MAX - 31),
];

fn east() -> Intent {
    Intent { walk: [1.0, 0.0], ..Intent::default() }
}

/// A world given relative to an origin, and a body standing at a voxel of it.
struct Stage<'a> {
    origin: VoxelPos,
    kind: &'a dyn Fn([i64; 3]) -> Option<Kind>,
    body: Body,
}

impl<'a> Stage<'a> {
    fn new(origin: VoxelPos, at: [i64; 3], kind: &'a dyn Fn([i64; 3]) -> Option<Kind>) -> Self {
        let body = Body::new(Position::on_floor_of(origin.offset(at[0], at[1], at[2])));
        Stage { origin, kind, body }
    }

    fn play(&mut self, intent: &Intent, seconds: f64) {
        for _ in 0..(seconds / STEP_S).round() as u32 {
            self.step(intent);
        }
    }

    fn step(&mut self, intent: &Intent) {
        let (origin, kind) = (self.origin, self.kind);
        self.body.step(intent, STEP_S, &|voxel: VoxelPos| kind(voxel.since(origin)));
    }

    /// Metres from the corner of the voxel at the stage's origin.
    fn feet(&self) -> [f64; 3] {
        let corner = Position { chunk: self.origin.chunk(), local: self.origin.within().map(f64::from) };
        self.body.position.since(&corner)
    }
}

fn ground([_, y, _]: [i64; 3]) -> Option<Kind> {
    Some(if y < 0 { Kind::Cube } else { Kind::Air })
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-4
}

#[test]
fn falls_onto_the_ground_and_rests() {
    for origin in ORIGINS {
        let mut stage = Stage::new(origin, [0, 20, 0], &ground);
        stage.play(&Intent::default(), 0.5);
        assert!(!stage.body.on_ground());
        stage.play(&Intent::default(), 5.0);
        assert!(stage.body.on_ground());
        let rest = stage.body.clone();
        assert!(near(stage.feet()[1], 0.0), "at {origin}: {:?}", stage.feet());
        stage.play(&Intent::default(), 10.0);
        assert_eq!((rest.position, rest.velocity), (stage.body.position, stage.body.velocity));
    }
}

#[test]
fn moves_the_same_wherever_it_is() {
    // Hills, a pond and a wall, so that every rule has its turn.
    let kind = |[x, y, z]: [i64; 3]| {
        let height = (x.rem_euclid(7) / 3) + (z.rem_euclid(11) / 8);
        Some(match y {
            _ if y < height => Kind::Cube,
            _ if x.rem_euclid(40) > 30 && y < 3 => Kind::Liquid,
            _ => Kind::Air,
        })
    };
    let mut script = vec![east(), Intent { jump: true, ..east() }, Intent { sprint: true, jump: true, ..east() }];
    script.push(Intent { walk: [-0.4, 0.9], jump: true, ..Intent::default() });
    script.push(Intent { walk: [1.0, -1.0], sneak: true, ..Intent::default() });
    let traces = ORIGINS.map(|origin| {
        let mut stage = Stage::new(origin, [3, 6, 3], &kind);
        let mut trace = Vec::new();
        for intent in &script {
            stage.play(intent, 4.0);
            trace.push((stage.body.position.local, stage.body.velocity, stage.feet()));
        }
        trace
    });
    let first = traces[0].clone();
    assert!(first.last().is_some_and(|end| end.2[0] > 30.0), "{first:?}");
    for (trace, origin) in traces.iter().zip(ORIGINS) {
        assert_eq!(*trace, first, "at {origin}");
    }
}

#[test]
fn a_jump_clears_one_block_and_not_two() {
    for (height, passes) in [(1, true), (2, false)] {
        let kind = |[x, y, _]: [i64; 3]| Some(if y < 0 || (x == 4 && y < height) { Kind::Cube } else { Kind::Air });
        let mut stage = Stage::new(ORIGINS[0], [0, 0, 0], &kind);
        stage.play(&east(), 2.0);
        assert!(stage.feet()[0] < 4.0 && stage.body.blocked()[0]);
        stage.play(&Intent { jump: true, ..east() }, 2.0);
        assert_eq!(stage.feet()[0] > 5.0, passes, "{height} blocks: {:?}", stage.feet());
    }
}

#[test]
fn steps_up_by_itself_only_if_it_can_and_there_is_room() {
    let check = |auto_step, ceiling: i64, height: i64| {
        let kind = |[x, y, _]: [i64; 3]| {
            Some(if y < 0 || y >= ceiling || (x >= 4 && y < height) { Kind::Cube } else { Kind::Air })
        };
        let mut stage = Stage::new(ORIGINS[0], [0, 0, 0], &kind);
        stage.body.ability.auto_step = auto_step;
        let mut eye = f64::NEG_INFINITY;
        let mut jerk = 0.0_f64;
        for _ in 0..60 {
            stage.step(&east());
            let height = stage.body.eye().since(&stage.body.position)[1] + stage.feet()[1];
            jerk = if eye.is_finite() { jerk.max((height - eye).abs()) } else { 0.0 };
            eye = height;
        }
        assert!(jerk < 0.5, "the eye jumped by {jerk} m");
        (stage.feet()[0] > 5.0, near(stage.feet()[1], 1.0))
    };
    assert_eq!(check(true, 9, 1), (true, true));
    assert_eq!(check(false, 9, 1), (false, false));
    assert_eq!(check(true, 9, 2), (false, false));
    assert_eq!(check(true, 2, 1), (false, false));
}

#[test]
fn a_sneaking_body_stays_on_its_block() {
    let kind = |[x, y, z]: [i64; 3]| Some(if y == -1 && x == 0 && z == 0 { Kind::Cube } else { Kind::Air });
    for walk in [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.7, -0.7], [-0.3, 0.8]] {
        let mut stage = Stage::new(ORIGINS[1], [0, 0, 0], &kind);
        stage.play(&Intent { sneak: true, ..Intent::default() }, 0.5);
        stage.play(&Intent { walk, sneak: true, ..Intent::default() }, 5.0);
        assert!(stage.body.on_ground(), "walking {walk:?} it fell to {:?}", stage.feet());
        let [x, _, z] = stage.feet();
        assert!((x - 0.5).abs().max((z - 0.5).abs()) > 0.6, "walking {walk:?} it came no further than {x}, {z}");
        stage.play(&Intent { walk, ..Intent::default() }, 1.0);
        assert!(stage.feet()[1] < -1.0, "walking {walk:?} without sneaking it must fall");
    }
}

#[test]
fn swims_up_floats_and_climbs_ashore() {
    // A lake of eight metres with a shore of one block above the water's surface at y = 0.
    let kind = |[x, y, _]: [i64; 3]| {
        Some(if y < -8 || (x > 10 && y < 1) {
            Kind::Cube
        } else if y < 0 {
            Kind::Liquid
        } else {
            Kind::Air
        })
    };
    for origin in ORIGINS {
        let mut stage = Stage::new(origin, [0, -8, 0], &kind);
        stage.play(&Intent { jump: true, ..Intent::default() }, 5.0);
        assert_eq!(stage.body.mode, Mode::Swim);
        assert!(stage.feet()[1] > -1.7, "swimming up it came to {:?}", stage.feet());
        stage.play(&Intent::default(), 10.0);
        let eye = stage.feet()[1] + EYE_M;
        assert!((0.0..0.3).contains(&eye), "at rest its eyes are {eye} m above the water");
        stage.play(&Intent { sneak: true, ..Intent::default() }, 3.0);
        assert!(stage.feet()[1] < -6.0, "diving it came to {:?}", stage.feet());
        stage.play(&Intent { jump: true, ..east() }, 10.0);
        stage.play(&Intent::default(), 1.0);
        assert!(stage.feet()[0] > 11.0 && near(stage.feet()[1], 1.0) && stage.body.on_ground(), "{:?}", stage.feet());
        assert_eq!(stage.body.mode, Mode::Walk);
    }
}

#[test]
fn water_breaks_a_fall() {
    let kind = |[_, y, _]: [i64; 3]| {
        Some(if y < -30 {
            Kind::Cube
        } else if y < 0 {
            Kind::Liquid
        } else {
            Kind::Air
        })
    };
    let mut stage = Stage::new(ORIGINS[0], [0, 200, 0], &kind);
    stage.play(&Intent::default(), 4.0);
    assert!(stage.body.velocity[1] < -50.0);
    stage.play(&Intent::default(), 20.0);
    assert!(stage.body.mode == Mode::Swim && stage.feet()[1] > -1.8, "{:?}", stage.feet());
}

#[test]
fn unknown_voxels_hold_it_up_and_stop_it_nowhere_else() {
    let kind = |[x, y, _]: [i64; 3]| if x >= 3 { None } else { ground([x, y, 0]) };
    let mut stage = Stage::new(ORIGINS[2], [0, 0, 0], &kind);
    stage.play(&east(), 5.0);
    assert!(stage.feet()[0] > 10.0 && near(stage.feet()[1], 0.0), "{:?}", stage.feet());
    stage.play(&Intent { jump: true, ..Intent::default() }, 0.3);
    assert!(stage.feet()[1] > 0.5);
    stage.play(&Intent { walk: [-1.0, 0.0], ..Intent::default() }, 7.0);
    assert!(stage.feet()[0] < 0.0 && stage.body.on_ground(), "{:?}", stage.feet());
}

#[test]
fn terrain_that_arrives_late_pushes_it_out() {
    let nothing = |_: [i64; 3]| None;
    let mut stage = Stage::new(ORIGINS[3], [0, -5, 0], &nothing);
    stage.play(&Intent::default(), 2.0);
    stage.kind = &ground;
    stage.play(&Intent::default(), 1.0);
    assert!(near(stage.feet()[1], 0.0) && stage.body.on_ground(), "{:?}", stage.feet());
    // A block is built where it stands: it goes to the side.
    let built = |voxel: [i64; 3]| if voxel == [0, 0, 0] { Some(Kind::Cube) } else { ground(voxel) };
    stage.kind = &built;
    stage.play(&Intent::default(), 0.1);
    let [x, y, z] = stage.feet();
    assert!((x - 0.5).abs().max((z - 0.5).abs()) > 0.8 && near(y, 0.0), "{:?}", stage.feet());
}

#[test]
fn nothing_is_tunnelled_through() {
    let kind = |voxel: [i64; 3]| Some(if voxel.iter().any(|at| at.abs() == 5) { Kind::Cube } else { Kind::Air });
    for axis in 0..3 {
        for speed in [-1e300, -200.0, 200.0, f64::INFINITY, f64::NAN] {
            let mut stage = Stage::new(ORIGINS[1], [0, 0, 0], &kind);
            stage.body.mode = Mode::Fly;
            stage.body.velocity[axis] = speed;
            stage.body.step(&Intent::default(), 1e9, &|voxel: VoxelPos| kind(voxel.since(ORIGINS[1])));
            assert!(stage.feet().iter().all(|at| (-4.0..5.0).contains(at)), "{speed} m/s: {:?}", stage.feet());
        }
    }
}

#[test]
fn a_bot_flies_its_path_at_its_speed() {
    let hills = |[x, y, z]: [i64; 3]| Some(if y < (x + z).rem_euclid(64) / 2 { Kind::Cube } else { Kind::Air });
    let mut stage = Stage::new(ORIGINS[1], [0, 40, 0], &hills);
    let start = stage.body.position;
    let mut bot = Steering::fly(vec![start.moved([300.0, 0.0, 0.0]), start.moved([300.0, -30.0, 300.0])], 30.0);
    let mut steps = 0;
    while let Some(intent) = bot.steer(&mut stage.body, STEP_S) {
        stage.step(&intent);
        steps += 1;
        assert!(steps < 20 * 60, "it didn't arrive, it is at {:?}", stage.feet());
        if (100..180).contains(&steps) {
            assert!((stage.body.velocity[0] - 30.0).abs() < 0.1, "{:?}", stage.body.velocity);
        }
    }
    assert!(steps > 20 * 19, "600 m at 30 m/s took {steps} steps");
}

#[test]
fn a_bot_walks_over_steps_through_water_and_around_a_wall() {
    let kind = |[x, y, z]: [i64; 3]| {
        let height = if x < 10 { x / 3 } else { 3 };
        let wall = x == 20 && (-3..=3).contains(&z) && y < 8;
        let pond = (26..34).contains(&x);
        Some(match y {
            _ if wall || y < if pond { -2 } else { height } => Kind::Cube,
            _ if pond && y < 3 => Kind::Liquid,
            _ => Kind::Air,
        })
    };
    for origin in ORIGINS {
        let mut stage = Stage::new(origin, [0, 0, 0], &kind);
        let goal = stage.body.position.moved([45.0, 0.0, 0.0]);
        let mut bot = Steering::walk(vec![goal], true);
        let mut steps = 0;
        while let Some(intent) = bot.steer(&mut stage.body, STEP_S) {
            stage.step(&intent);
            steps += 1;
            assert!(steps < 20 * 90, "from {origin} it didn't arrive, it is at {:?}", stage.feet());
        }
    }
}

#[test]
fn the_eye_meets_the_face_that_it_looks_at() {
    let at = |voxel: VoxelPos| Some(if voxel == VoxelPos::new(3, 1, 0) { Kind::Cube } else { Kind::Air });
    let eye = Position::new(ChunkPos::default(), [0.5, 1.5, 0.5]);
    let hit = cast(&eye, [2.0, 0.0, 0.0], 6.0, &at).expect("a block three voxels east");
    assert_eq!((hit.voxel, hit.face, hit.distance_m), (VoxelPos::new(3, 1, 0), [-1, 0, 0], 2.5));
    assert_eq!(hit.before(), VoxelPos::new(2, 1, 0));
    assert_eq!(cast(&eye, [1.0, 0.0, 0.0], 2.4, &at), None);
    assert_eq!(cast(&eye, [-1.0, 0.0, 0.0], 6.0, &at), None);
    assert_eq!(cast(&eye, [0.0; 3], 6.0, &at), None);
    assert_eq!(cast(&eye, [f64::NAN, 1.0, 0.0], 6.0, &at), None);
    // Unknown voxels end the ray, plants are met, liquids aren't.
    assert_eq!(cast(&eye, [1.0, 0.0, 0.0], 6.0, &|voxel| if voxel.x > 1 { None } else { at(voxel) }), None);
    let at = |voxel: VoxelPos| {
        Some(if voxel.x == 2 {
            Kind::Liquid
        } else if voxel.x == 4 {
            Kind::Plant
        } else {
            Kind::Air
        })
    };
    assert_eq!(cast(&eye, [1.0, 0.0, 0.0], 6.0, &at).map(|hit| hit.voxel.x), Some(4));
    // Around the end of the world.
    let eye = Position::on_floor_of(VoxelPos::new(i64::MAX, 0, 0));
    let at = |voxel: VoxelPos| Some(if voxel.x == i64::MIN + 1 { Kind::Cube } else { Kind::Air });
    assert_eq!(cast(&eye, [1.0, 0.1, 0.0], 6.0, &at).map(|hit| hit.voxel.x), Some(i64::MIN + 1));
}

/// Solid voxels in a room of 13³ whose walls, floor and ceiling are solid too; the voxels around the middle are free.
fn room() -> impl Strategy<Value = BTreeSet<[i64; 3]>> {
    proptest::collection::btree_set([-5_i64..=5, -5_i64..=5, -5_i64..=5], 0..300)
        .prop_map(|voxels| voxels.into_iter().filter(|[x, y, z]| (*x, *z) != (0, 0) || !(0..2).contains(y)).collect())
}

fn is_solid(solids: &BTreeSet<[i64; 3]>, voxel: [i64; 3]) -> bool {
    voxel.iter().any(|at| at.abs() > 5) || solids.contains(&voxel)
}

proptest! {
    #[test]
    fn no_motion_ends_in_a_wall(
        solids in room(),
        origin in 0..ORIGINS.len(),
        flies in any::<bool>(),
        auto_step in any::<bool>(),
        moves in proptest::collection::vec(
            ([-200.0..200.0, -200.0..200.0, -200.0..200.0], [-1.0..1.0, -1.0..1.0], any::<(bool, bool)>(), 0.0..0.3), 1..20,
        ),
    ) {
        let kind = |voxel: [i64; 3]| Some(if is_solid(&solids, voxel) { Kind::Cube } else { Kind::Air });
        let mut stage = Stage::new(ORIGINS[origin], [0, 0, 0], &kind);
        stage.body.mode = if flies { Mode::Fly } else { Mode::Walk };
        stage.body.ability.auto_step = auto_step;
        for (velocity, walk, (jump, sneak), dt_s) in moves {
            stage.body.velocity = velocity;
            let intent = Intent { walk, jump, sneak, ..Intent::default() };
            stage.body.step(&intent, dt_s, &|voxel: VoxelPos| kind(voxel.since(ORIGINS[origin])));
            let [x, y, z] = stage.feet();
            // The box's corners and the middles of its edges: every voxel that it can be in holds one of these.
            for corner in [[-0.3, 0.0, -0.3], [0.3, 0.0, -0.3], [-0.3, 0.0, 0.3], [0.3, 0.0, 0.3]] {
                for height in [0.0, 0.9, 1.8] {
                    let voxel = [x + corner[0], y + height, z + corner[2]].map(|at| at.floor() as i64);
                    prop_assert!(!is_solid(&solids, voxel), "at {:?} it is in {voxel:?}", stage.feet());
                }
            }
        }
    }

    #[test]
    fn a_ray_ends_where_small_strides_along_it_end(
        solids in room(), direction in [-1.0..1.0, -1.0..1.0, -1.0..1.0], eye in [0.01..0.99, 0.01..0.99, 0.01..0.99],
    ) {
        let length = direction.iter().map(|part| part * part).sum::<f64>().sqrt();
        prop_assume!(length > 0.1);
        let kind = |voxel: VoxelPos| {
            Some(if is_solid(&solids, voxel.since(ORIGINS[4])) { Kind::Cube } else { Kind::Air })
        };
        let eye = Position::new(ORIGINS[4].chunk(), eye);
        let hit = cast(&eye, direction, 40.0, &kind);
        prop_assert!(hit.is_some(), "the room has no hole");
        let Some(hit) = hit else { return Ok(()) };
        prop_assert!(kind(hit.voxel) == Some(Kind::Cube) && kind(hit.before()) == Some(Kind::Air));
        let along = |metres: f64| eye.moved(direction.map(|part| part / length * metres));
        prop_assert_eq!(along(hit.distance_m + 1e-7).voxel(), hit.voxel);
        for stride in 0..(hit.distance_m * 100.0) as u32 {
            prop_assert_eq!(kind(along(f64::from(stride) / 100.0).voxel()), Some(Kind::Air));
        }
    }
}
