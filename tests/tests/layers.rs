//! Dependencies point down: `cargo metadata` held against the layers and the sole owners of ARCHITECTURE.md.
//!
//! What a room names itself comes from the manifests, and what comes with it from `Cargo.lock`, which is the resolved graph
//! of all features and systems. `cargo metadata` would tell that graph too, but only where the sources of every crate have
//! been downloaded, bevy's among them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// The layer of each room. A room may use only rooms of lower layers.
const LAYERS: [(&str, u8); 13] = [
    ("bitdust-types", 0),
    ("bitdust-proof", 0),
    ("bitdust-ledger", 1),
    ("bitdust-network", 1),
    ("bitdust-market", 2),
    ("bitdust-consensus", 2),
    ("bitdust-world", 3),
    ("bitdust-store", 4),
    ("bitdust-rpc", 4),
    ("bitdust-node", 5),
    ("bitdust-viewer", 5),
    ("bitdust-tests", 6),
    ("bitdust-benches", 6),
];

/// Within a layer, only this direction is allowed: `proof` names blobs by the types of `types`.
const WITHIN_A_LAYER: [(&str, &str); 1] = [("bitdust-proof", "bitdust-types")];

/// Crates that exactly one room may name, by prefix.
const OWNERS: [(&str, &str); 17] = [
    ("blake3", "bitdust-proof"),
    ("bao-tree", "bitdust-proof"),
    ("rs_merkle", "bitdust-proof"),
    ("revm", "bitdust-ledger"),
    ("jmt", "bitdust-ledger"),
    ("arc-malachitebft", "bitdust-consensus"),
    ("libp2p", "bitdust-network"),
    ("reed-solomon", "bitdust-market"),
    ("chacha20", "bitdust-market"),
    ("crypto_box", "bitdust-market"),
    ("rocksdb", "bitdust-store"),
    ("jsonrpsee", "bitdust-rpc"),
    ("axum", "bitdust-rpc"),
    ("clap", "bitdust-node"),
    ("indicatif", "bitdust-node"),
    ("metrics-exporter-prometheus", "bitdust-node"),
    ("bevy", "bitdust-viewer"),
];

/// Crates that come into a room's build only through one of these rooms, however far down. The consensus engine brings libp2p
/// of its own. Hashes and ciphers aren't here: other people's crates use the same ones.
const BELOW: [(&str, &[&str]); 13] = [
    ("revm", &["bitdust-ledger"]),
    ("jmt", &["bitdust-ledger"]),
    ("arc-malachitebft", &["bitdust-consensus"]),
    ("libp2p", &["bitdust-network", "bitdust-consensus"]),
    ("reed-solomon", &["bitdust-market"]),
    ("crypto_box", &["bitdust-market"]),
    ("rocksdb", &["bitdust-store"]),
    ("librocksdb-sys", &["bitdust-store"]),
    ("jsonrpsee", &["bitdust-rpc"]),
    ("axum", &["bitdust-rpc"]),
    ("clap", &["bitdust-node"]),
    ("metrics-exporter-prometheus", &["bitdust-node"]),
    ("bevy", &["bitdust-viewer"]),
];

/// Rooms whose decoders of foreign bytes the fuzz targets call. None needs a database, a virtual machine or a network.
const FUZZED: [&str; 4] = ["bitdust-types", "bitdust-proof", "bitdust-market", "bitdust-world"];

/// What a fuzz target needs beside the rooms: the fuzzer, and what turns bytes into values and back.
const FUZZERS: [&str; 5] = ["libfuzzer-sys", "borsh", "rand", "serde_json", "zstd"];

/// What the rooms that are fuzzed must never bring: each is minutes of building for every target and sanitizer.
const HEAVY: [&str; 11] = [
    "revm",
    "jmt",
    "arc-malachitebft",
    "libp2p",
    "rocksdb",
    "librocksdb-sys",
    "jsonrpsee",
    "axum",
    "clap",
    "tokio",
    "bevy",
];

/// Rooms for tests and measurements may take anything apart.
const FREE: [&str; 2] = ["bitdust-tests", "bitdust-benches"];

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/Cargo.toml");

fn rooms() -> BTreeMap<String, Package> {
    packages(WORKSPACE)
}

fn packages(manifest: &str) -> BTreeMap<String, Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(vec!["--locked".to_owned(), "--offline".to_owned()])
        .exec()
        .expect("cargo metadata reads the workspace");
    metadata.packages.into_iter().map(|package| (package.name.to_string(), package)).collect()
}

/// What a room needs to be built, apart from its tests.
fn needs(room: &Package) -> impl Iterator<Item = &str> {
    room.dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.as_str())
}

#[test]
fn every_room_has_a_layer_and_every_layer_a_room() {
    let rooms = rooms();
    let named: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    assert!(rooms.keys().all(|name| named.contains(&name.as_str())), "a room without a layer: {:?}", rooms.keys());
    assert!(named.iter().all(|name| rooms.contains_key(*name)), "a layer without its room: {named:?}");
}

#[test]
fn dependencies_point_down() {
    let layers: BTreeMap<&str, u8> = LAYERS.into_iter().collect();
    for (name, room) in rooms() {
        let layer = layers[name.as_str()];
        for dependency in needs(&room).filter(|dependency| layers.contains_key(dependency)) {
            let allowed = layers[dependency] < layer || WITHIN_A_LAYER.contains(&(name.as_str(), dependency));
            assert!(allowed, "{name} (layer {layer}) must not use {dependency} (layer {})", layers[dependency]);
        }
    }
}

#[test]
fn heavy_crates_have_one_owner() {
    for (name, room) in rooms() {
        if FREE.contains(&name.as_str()) {
            continue;
        }
        for dependency in needs(&room) {
            if let Some((prefix, owner)) = OWNERS.into_iter().find(|(prefix, _)| dependency.starts_with(prefix)) {
                assert_eq!(name, owner, "{dependency} belongs to {owner} alone ({prefix}*)");
            }
        }
    }
}

/// A crate of `Cargo.lock`: two of one name have different versions.
type Crate = (String, String);

/// The resolved graph of a `Cargo.lock`.
struct Graph(BTreeMap<Crate, Vec<Crate>>);

impl Graph {
    fn read(lock: &str) -> Self {
        let mut listed: BTreeMap<Crate, Vec<String>> = BTreeMap::new();
        for package in lock.split("[[package]]").skip(1) {
            let field = |name: &str| {
                let value = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
                value.unwrap_or_else(|| panic!("a package without {name}: {package}")).trim_matches('"').to_owned()
            };
            let named = package.split_once("dependencies = [").and_then(|(_, rest)| rest.split_once(']'));
            let named = named.map_or("", |(list, _)| list).lines();
            let named = named.map(|line| line.trim().trim_end_matches(',').trim_matches('"').to_owned());
            listed.insert((field("name"), field("version")), named.filter(|name| !name.is_empty()).collect());
        }
        // A name alone is enough where the lock has one version of the crate.
        let find = |text: &String| {
            let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
            let version = rest.split(' ').next().unwrap_or_default();
            let found = listed.keys().find(|(known, at)| known == name && (version.is_empty() || at == version));
            found.unwrap_or_else(|| panic!("Cargo.lock names {text} and doesn't have it")).clone()
        };
        Graph(listed.iter().map(|(package, named)| (package.clone(), named.iter().map(find).collect())).collect())
    }

    /// Leaves a room only what it needs to be built: `Cargo.lock` doesn't tell its tests' needs apart.
    fn without_tests(mut self, rooms: &BTreeMap<String, Package>) -> Self {
        for ((name, _), named) in &mut self.0 {
            if let Some(room) = rooms.get(name) {
                let needed: BTreeSet<&str> = needs(room).collect();
                named.retain(|(dependency, _)| needed.contains(dependency.as_str()));
            }
        }
        self
    }

    /// Everything that comes with a crate, and through which crate it came first; nothing that comes through `gates` alone.
    fn below(&self, name: &str, gates: &[&str]) -> BTreeMap<Crate, Crate> {
        let root = self.0.keys().find(|(known, _)| known == name);
        let root = root.unwrap_or_else(|| panic!("Cargo.lock has {name}"));
        let (mut found, mut open) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(parent) = open.pop() {
            for child in &self.0[&parent] {
                if !gates.contains(&child.0.as_str()) && !found.contains_key(child) && child != root {
                    found.insert(child.clone(), parent.clone());
                    open.push(child.clone());
                }
            }
        }
        found
    }
}

/// How a crate came into a build: `rocksdb < something < bitdust-rpc`.
fn way(found: &BTreeMap<Crate, Crate>, last: &Crate) -> String {
    let mut names = vec![last.0.as_str()];
    let mut next = last;
    while let Some(parent) = found.get(next) {
        names.push(&parent.0);
        next = parent;
    }
    names.join(" < ")
}

#[test]
fn heavy_crates_come_through_their_owner_alone() {
    let rooms = rooms();
    let graph = Graph::read(include_str!("../../Cargo.lock")).without_tests(&rooms);
    for (prefix, owners) in BELOW {
        for owner in owners {
            let found = graph.below(owner, &[]);
            assert!(
                found.keys().any(|(name, _)| name.starts_with(prefix)),
                "{owner} brings no {prefix}: is it still so named?"
            );
        }
        for name in rooms.keys().filter(|name| !FREE.contains(&name.as_str()) && !owners.contains(&name.as_str())) {
            let found = graph.below(name, owners);
            if let Some(heavy) = found.keys().find(|(known, _)| known.starts_with(prefix)) {
                panic!("{prefix} comes into a build through {owners:?} alone, but: {}", way(&found, heavy));
            }
        }
    }
}

#[test]
fn the_fuzz_targets_need_no_heavy_crate() {
    let fuzz = packages(FUZZ).remove("bitdust-fuzz").expect("fuzz/Cargo.toml is of bitdust-fuzz");
    for dependency in needs(&fuzz) {
        let allowed = FUZZED.contains(&dependency) || FUZZERS.contains(&dependency);
        assert!(allowed, "bitdust-fuzz must not use {dependency}: only {FUZZED:?} and {FUZZERS:?}");
    }
    // By the lock of the fuzz targets, and by the workspace's, which says what the rooms bring now.
    let own = Graph::read(include_str!("../../fuzz/Cargo.lock"));
    let workspace = Graph::read(include_str!("../../Cargo.lock")).without_tests(&rooms());
    for (graph, names) in [(&own, &["bitdust-fuzz"][..]), (&workspace, &FUZZED[..])] {
        for name in names {
            let found = graph.below(name, &[]);
            let heavy = found.keys().find(|(known, _)| HEAVY.iter().any(|prefix| known.starts_with(prefix)));
            assert!(
                heavy.is_none(),
                "too heavy for fuzzing: {}",
                heavy.map(|one| way(&found, one)).unwrap_or_default()
            );
        }
    }
}

/// The graph is read from text; a reader that lost entries would find every room light.
#[test]
fn the_lock_is_read_whole() {
    let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b 2.0.0\",\n \"c\",\n]\n\n\
                [[package]]\nname = \"b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\ndependencies = [\n \
                \"heavy\",\n]\n\n[[package]]\nname = \"c\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"heavy\"\nversion = \"1.0.0\"\n";
    let graph = Graph::read(lock);
    let names = |gates: &[&str]| {
        graph.below("a", gates).into_keys().map(|(name, at)| format!("{name} {at}")).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["b 2.0.0", "c 1.0.0", "heavy 1.0.0"]);
    assert_eq!(names(&["b"]), ["c 1.0.0"]);
    let found = graph.below("a", &[]);
    assert_eq!(way(&found, &("heavy".to_owned(), "1.0.0".to_owned())), "heavy < b < a");
}

/// Who runs a node should not have to compile bevy: no room depends on the viewer, and building without naming it leaves
/// it out.
#[test]
fn only_the_viewer_pulls_bevy() {
    for (name, room) in rooms() {
        assert!(!needs(&room).any(|dependency| dependency == "bitdust-viewer"), "{name} must not use the viewer");
    }
    let manifest = include_str!("../../Cargo.toml");
    let (_, rest) = manifest.split_once("default-members").expect("the workspace names its default members");
    let (default, _) = rest.split_once(']').expect("a list ends");
    assert!(!default.contains("viewer"), "the viewer is built only when it is named");
}
