//! Dependencies point down: `cargo metadata` held against the layers and the sole owners of ARCHITECTURE.md.

use std::collections::BTreeMap;

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

/// Rooms for tests and measurements may take anything apart.
const FREE: [&str; 2] = ["bitdust-tests", "bitdust-benches"];

fn rooms() -> BTreeMap<String, Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
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
