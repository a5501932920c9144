//! A whole game without window and device: hands and scripts at one end, a made-up source at the other.

use std::sync::{Arc, Mutex, MutexGuard};

use bevy::{prelude::*, state::app::StatesPlugin, time::TimeUpdateStrategy};
use bitdust_types::Address;
use bitdust_world::{BlockId, ChunkPos, VoxelPos, block, content::Content, r#gen::Params};

use crate::{
    game::PlayPlugins,
    model::{packed::PackedChunk, palette::Palette, settings::Settings},
    play::{Action, Blocks, DayTime, Player, link::Link, quest::Journal, runner::Playing, walking::Origin},
    scene::{
        Corner, PlacementPlugin,
        chunks::{Chunks, ChunksPlugin},
        material::{Materials, SkyMaterial, VoxelMaterial},
    },
    screen::{Hud, Screen, SettingsRes, chat::ChatPlugin},
    script,
    shell::screenshot::Shots,
    source::{Builders, Deed, Label, Land, News, Order, Owner, Person, Source, Traffic, WorldInfo},
};

const ADA: Address = Address::repeat_byte(1);
const BEN: Address = Address::repeat_byte(2);

/// What a test sees of the source, and tells it.
#[derive(Default)]
struct Wire {
    orders: Vec<Order>,
    news: Vec<News>,
    /// Chunks are withheld.
    stalls: bool,
    /// Edits are refused.
    refuses: bool,
}

/// Stone up to sea level, everywhere.
struct Flat {
    info: WorldInfo,
    wire: Arc<Mutex<Wire>>,
}

fn flat(pos: ChunkPos) -> PackedChunk {
    PackedChunk::uniform(if pos.y < 0 { block::STONE } else { BlockId::AIR })
}

impl Source for Flat {
    fn info(&self) -> &WorldInfo {
        &self.info
    }

    fn order(&mut self, order: Order) {
        let mut wire = self.wire.lock().unwrap();
        match &order {
            Order::Fetch { chunks, .. } if !wire.stalls => {
                let arrive = |(pos, _): &(ChunkPos, u64)| News::Chunk {
                    pos: *pos,
                    chunk: flat(*pos),
                    label: Label::Supplier,
                    sequence: 0,
                };
                wire.news.extend(chunks.iter().map(arrive));
            }
            Order::Edit { at, .. } if wire.refuses => {
                let news = News::Refused { at: *at, block: block::STONE, why: "This place is Ada's.".into() };
                wire.news.push(news);
            }
            Order::Land { location, deed } => {
                let owner = if *deed == Deed::Claim { Owner::You } else { Owner::Nobody };
                let (terms, note) = (String::new(), String::new());
                wire.news.push(News::Land(Land {
                    location: *location,
                    owner,
                    build: Builders::Owner,
                    end_epoch: 9,
                    guests: vec![Person { account: BEN, name: "Ben".into() }],
                    near: vec![Person { account: ADA, name: "Ada".into() }],
                    terms,
                    note,
                }));
            }
            _ => {}
        }
        wire.orders.push(order);
    }

    fn poll(&mut self, news: &mut Vec<News>, max: usize) {
        let mut wire = self.wire.lock().unwrap();
        let ready = max.min(wire.news.len());
        news.extend(wire.news.drain(..ready));
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

/// A game with a flat world, standing there.
struct Game {
    app: App,
    wire: Arc<Mutex<Wire>>,
}

impl Game {
    fn at(place: VoxelPos) -> Game {
        Game::with(place, Content::default())
    }

    fn with(place: VoxelPos, content: Content) -> Game {
        let wire = Arc::new(Mutex::new(Wire::default()));
        let info = WorldInfo {
            name: "Flat".into(),
            id: None,
            seed: 1,
            params: Params::default(),
            spawn: None,
            player: "Ada".into(),
            account: "0xada".into(),
            content: Arc::new(content),
        };
        let (palette, journal) = (Palette::new(&info.content), Journal::new([7; 32], Arc::clone(&info.content)));
        let source = Flat { info, wire: Arc::clone(&wire) };
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, StatesPlugin, AssetPlugin::default(), bevy::input::InputPlugin))
            .init_asset::<Mesh>()
            .init_asset::<VoxelMaterial>()
            .init_asset::<SkyMaterial>()
            .init_state::<Screen>()
            .insert_resource(TimeUpdateStrategy::ManualDuration(std::time::Duration::from_millis(50)))
            .insert_resource(Materials {
                ground: Handle::default(),
                water: Handle::default(),
                plant: Handle::default(),
                land: Handle::default(),
                figure: Handle::default(),
                glass: Handle::default(),
                sky: Handle::default(),
            })
            .insert_resource(Hud { shown: true, debug: false })
            .init_resource::<Shots>()
            .insert_resource(Origin(place.chunk()))
            .insert_resource(Player::at(place))
            .insert_resource(Link(Box::new(source)))
            .insert_resource(Blocks(Arc::new(palette)))
            .insert_resource(journal)
            .insert_resource(DayTime::starting(600))
            .insert_resource(SettingsRes(Settings { view_m: 64, ..Settings::default() }, None))
            .add_plugins((PlayPlugins, PlacementPlugin, ChunksPlugin, ChatPlugin));
        Game { app, wire }
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap()
    }

    /// Frames until something holds; a second of the game has twenty.
    fn until(&mut self, what: &str, mut holds: impl FnMut(&World) -> bool) {
        for _ in 0..5_000 {
            self.app.update();
            if holds(self.app.world()) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("it never came to this: {what}");
    }

    /// A mesh is made beside the frames, and shown some frames after its chunk has changed.
    fn until_drawn(&mut self, what: &str, mut holds: impl FnMut(&[(ChunkPos, Vec3)]) -> bool) {
        for _ in 0..5_000 {
            if holds(&self.drawn()) {
                return;
            }
            self.app.update();
            std::thread::yield_now();
        }
        panic!("it never came to be drawn: {what}");
    }

    fn settle(&mut self) {
        self.until("everything visible is there", |world| world.resource::<Chunks>().is_settled());
    }

    fn act(&mut self, action: Action) {
        self.app.world_mut().write_message(action);
        self.app.update();
    }

    fn block(&self, at: VoxelPos) -> Option<BlockId> {
        self.app.world().resource::<Chunks>().0.block(at)
    }

    fn drawn(&mut self) -> Vec<(ChunkPos, Vec3)> {
        let world = self.app.world_mut();
        let mut drawn = world.query::<(&Corner, &Transform)>();
        drawn.iter(world).map(|(corner, transform)| (corner.0, transform.translation)).collect()
    }

    /// Plays a script to its end; what ended it.
    fn play(&mut self, text: &str) -> AppExit {
        self.app.insert_resource(Playing::new(script::parse(text).unwrap(), None));
        for _ in 0..5_000 {
            self.app.update();
            if let Some(exit) = self.app.should_exit() {
                return exit;
            }
        }
        panic!("the script never ends");
    }
}

const GROUND: VoxelPos = VoxelPos::new(16, 0, 16);

#[test]
fn chunks_are_asked_for_arrive_are_drawn_and_leave_with_the_player() {
    let mut game = Game::at(GROUND);
    game.settle();
    let near = game.drawn();
    assert!(
        !near.is_empty() && near.iter().all(|(pos, _)| pos.y == -1),
        "only the ground's surface is drawn: {near:?}"
    );
    game.act(Action::Travel(VoxelPos::new(100_016, 0, 16)));
    game.settle();
    let far = game.drawn();
    assert!(far.iter().all(|(pos, _)| (pos.x - 3125).abs() <= 4), "what was left behind is gone");
    assert!(game.wire().orders.iter().any(|order| matches!(order, Order::Drop(chunks) if !chunks.is_empty())));
    let held = game.app.world().resource::<Chunks>().0.count().wanted;
    assert!(held < 1_000, "{held} chunks for a view of 64 m");
}

#[test]
fn a_stalled_source_costs_holes_and_no_frames() {
    let mut game = Game::at(GROUND);
    game.wire().stalls = true;
    for _ in 0..10 {
        game.app.update();
    }
    let count = game.app.world().resource::<Chunks>().0.count();
    assert!(count.holes > 0 && count.in_flight == count.wanted);
    // Nobody falls into a world that isn't there yet.
    assert_eq!(game.app.world().resource::<Player>().body.voxel(), GROUND);
}

#[test]
fn the_scene_stays_near_zero_and_looks_the_same_far_out() {
    let out = 1_000_000_000_000_000;
    let mut game = Game::at(GROUND);
    game.settle();
    let mut near = game.drawn();
    game.act(Action::Travel(GROUND.offset(32 * (out / 32), 0, 0)));
    game.settle();
    let mut far = game.drawn();
    let key = |(_, at): &(ChunkPos, Vec3)| at.to_array().map(|part| part as i32);
    near.sort_by_key(key);
    far.sort_by_key(key);
    assert_eq!(near.iter().map(key).collect::<Vec<_>>(), far.iter().map(key).collect::<Vec<_>>());
    assert!(far.iter().all(|(_, at)| at.length() < 300.0));
}

#[test]
fn flying_off_moves_the_zero_and_everything_with_it() {
    let mut game = Game::at(GROUND);
    game.settle();
    assert_eq!(game.play("fly 1 0 0 150 5"), AppExit::Success);
    let origin = game.app.world().resource::<Origin>().0;
    assert!(origin.x > 16, "{origin}");
    for (pos, at) in game.drawn() {
        let expected = [pos.x - origin.x, pos.y - origin.y, pos.z - origin.z].map(|chunks| (chunks * 32) as f32);
        assert_eq!(at.to_array(), expected, "{pos}");
    }
}

#[test]
fn a_block_is_placed_shown_told_and_taken_away_again() {
    let mut game = Game::at(GROUND);
    game.settle();
    let at = VoxelPos::new(18, 0, 18);
    game.act(Action::Place(Some((at, block::BRICK))));
    assert_eq!(game.block(at), Some(block::BRICK));
    assert!(game.wire().orders.contains(&Order::Edit { at, block: block::BRICK }));
    game.until_drawn("the chunk of the block", |drawn| drawn.iter().any(|(pos, _)| pos.y == 0));
    game.act(Action::Break(Some(at)));
    assert_eq!(game.block(at), Some(BlockId::AIR));
    game.until_drawn("no empty chunk", |drawn| drawn.iter().all(|(pos, _)| pos.y == -1));
}

#[test]
fn eyes_and_hands_work_where_they_look() {
    let mut game = Game::at(GROUND);
    game.settle();
    game.app.world_mut().resource_mut::<Player>().gaze.pitch = -1.5;
    for _ in 0..20 {
        game.app.update();
    }
    game.act(Action::Break(None));
    let dug = VoxelPos::new(16, -1, 16);
    assert_eq!(game.block(dug), Some(BlockId::AIR), "the voxel below the eyes");
    // Into one's own feet nothing can be put.
    for _ in 0..40 {
        game.app.update();
    }
    let orders = game.wire().orders.len();
    game.act(Action::Place(Some((dug, block::STONE))));
    let told = game.wire().orders[orders..].iter().any(|order| matches!(order, Order::Edit { .. }));
    assert!(!told && game.block(dug) == Some(BlockId::AIR));
}

#[test]
fn a_refused_edit_goes_back() {
    let mut game = Game::at(GROUND);
    game.settle();
    game.wire().refuses = true;
    let at = VoxelPos::new(18, -1, 18);
    game.act(Action::Break(Some(at)));
    game.until("the stone is back", |world| world.resource::<Chunks>().0.block(at) == Some(block::STONE));
}

#[test]
fn a_script_walks_builds_and_fails_where_its_expectation_does() {
    let mut game = Game::at(GROUND);
    let script = "
        wait chunks
        goto 24 0 16
        expect near 24 0 16 2
        place 24 0 20 oak log
        wait 0.2
        expect block 24 0 20 oak log
        say done";
    assert_eq!(game.play(script), AppExit::Success);
    assert!(game.wire().orders.contains(&Order::Say("done".into())));
    let mut game = Game::at(GROUND);
    let exit = game.play("wait chunks\nexpect block 24 -1 20 brick\nsay never");
    assert_eq!(exit, AppExit::from_code(crate::shell::exit::SCRIPT));
    assert!(!game.wire().orders.contains(&Order::Say("never".into())));
}

#[test]
fn the_player_hears_and_is_heard() {
    let mut game = Game::at(GROUND);
    game.wire().news.push(News::Said { from: "Bo".into(), text: "Hello!".into() });
    game.act(Action::Say("Hello, Bo.".into()));
    game.app.update();
    let log = game.app.world().resource::<crate::screen::chat::ChatLog>();
    assert_eq!(log.0.shown(0.0, true, 9).len(), 1);
    assert!(game.wire().orders.contains(&Order::Say("Hello, Bo.".into())));
    assert!(game.wire().orders.iter().any(|order| matches!(order, Order::Pose(_))), "others are told where she is");
}

/// A sign, a chest that opens a door, and an end.
const QUEST: &str = r#"{
    "texts": { "hello": { "title": "Hello", "body": "Turn the wheel." } },
    "items": { "key": { "title": "Brass key" } },
    "signs": [ { "at": [18, 0, 16], "text": "hello" } ],
    "doors": { "gate": { "voxels": [[20, 0, 16]], "open": "air", "closed": "brick" } },
    "triggers": [ { "name": "wheel", "on": { "use": [18, 0, 18] },
                    "then": [ { "grant": "turned" }, { "give": "key" }, { "open": "gate" } ], "once": true } ],
    "quests": { "turn": { "title": "Turn it", "description": "Read the sign.", "done": "turned" } } }"#;

#[test]
fn a_quest_is_played_and_goes_on_at_the_next_visit() {
    use crate::model::progress::Progress;

    let folder = std::env::temp_dir().join(format!("bitdust-quest-{}", std::process::id()));
    let content = Content::from_json(QUEST).unwrap();
    let visit = || {
        let mut game = Game::with(GROUND, content.clone());
        let progress = Progress::new(&folder, [7; 32], "0xada");
        game.app.insert_resource(Journal::kept([7; 32], Arc::new(content.clone()), progress));
        game.settle();
        game
    };
    let (door, wheel, sign) = (VoxelPos::new(20, 0, 16), VoxelPos::new(18, 0, 18), VoxelPos::new(18, 0, 16));
    let mut game = visit();
    assert_eq!(game.block(door), Some(block::BRICK), "it is closed for newcomers");
    game.act(Action::Use(Some(sign)));
    let journal = game.app.world().resource::<Journal>();
    assert!(journal.has_shown("Turn the wheel") && !journal.play.has_mark("turned"));
    assert_eq!(journal.sign(sign).map(|text| text.title.as_str()), Some("Hello"));
    game.act(Action::Use(Some(wheel)));
    assert_eq!(game.block(door), Some(BlockId::AIR));
    game.app.world_mut().write_message(AppExit::Success);
    game.app.update();
    let game = visit();
    let journal = game.app.world().resource::<Journal>();
    assert!(journal.play.has_mark("turned") && journal.play.items().count() == 1);
    assert_eq!(game.block(door), Some(BlockId::AIR), "it is still open");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_script_claims_the_land_that_it_stands_on() {
    let location = GROUND.chunk().location();
    let asked = |text: &str| {
        let mut game = Game::at(GROUND);
        let exit = game.play(text);
        let of_land = |order: &Order| match order {
            Order::Land { location: at, deed } => {
                assert_eq!(*at, location);
                Some(*deed)
            }
            _ => None,
        };
        let deeds: Vec<Deed> = game.wire().orders.iter().filter_map(of_land).collect();
        (exit.is_success(), deeds)
    };
    let claimed = asked("land look\nexpect land nobody\nland claim\nexpect land you");
    assert_eq!(claimed, (true, vec![Deed::Look, Deed::Claim]));
    let admitted = asked("land look\nland welcome Ada\nland dismiss Ben");
    assert_eq!(admitted, (true, vec![Deed::Look, Deed::Welcome(ADA), Deed::Dismiss(BEN)]));
    assert_eq!(asked("land look\nland welcome Ben"), (false, vec![Deed::Look]), "he is a guest already");
    assert_eq!(asked("expect land you"), (false, vec![]), "nobody has looked");
}
