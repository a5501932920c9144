//! What people type and files say: amounts, ids, phrases, paths, the network's parameters.

#![no_main]

use std::path::{Component, Path};

use bitdust_market::manifest::entry::check_path;
use bitdust_types::{Amount, BlockId, ChainParams, DatasetId, Height, Root, keys::Phrase, units::Epoch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(amount) = text.parse::<Amount>() {
        assert_eq!(amount.to_string().parse(), Ok(amount), "an amount reads as it prints");
    }
    if let Ok(id) = text.parse::<DatasetId>() {
        assert_eq!(id.to_string().parse(), Ok(id), "an id reads as it prints");
    }
    if let Ok(phrase) = Phrase::parse(text) {
        assert!(Phrase::parse(phrase.reveal()).is_ok(), "a phrase stays one");
    }
    if check_path(text).is_ok() {
        let parts = || Path::new(text).components();
        assert!(parts().all(|part| matches!(part, Component::Normal(_))), "a stored path leads out of its directory");
        assert_eq!(parts().count(), text.split('/').count(), "two stored paths may name one file");
    }
    if let Ok(amount) = serde_json::from_str::<Amount>(text) {
        assert_eq!(serde_json::from_str::<Amount>(&serde_json::to_string(&amount).expect("plain")).ok(), Some(amount));
    }
    let _ = serde_json::from_str::<(BlockId, Root)>(text);
    if let Ok(params) = serde_json::from_str::<ChainParams>(text)
        && params.check().is_ok()
    {
        for height in [0, params.epoch_blocks, u64::MAX].map(Height) {
            let (epoch, index) = (params.epoch_of(height), params.index_in_epoch(height));
            assert_eq!(params.first_block(epoch).0 + index, height.0, "every block has one place");
            let _ = params.in_proof_window(height);
        }
        let _ = params.first_block(Epoch(u64::MAX));
    }
});
