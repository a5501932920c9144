//! What villages are called.

use super::super::{biome::Biome, hash::Dice};

const STARTS: [&str; 32] = [
    "Al", "Ash", "Bar", "Bel", "Bram", "Cal", "Cor", "Dal", "Dun", "El", "Fen", "Gar", "Hal", "Har", "Hol", "Ir",
    "Kel", "Lor", "Mar", "Mil", "Nor", "Or", "Pel", "Quen", "Ros", "Sel", "Tam", "Thor", "Ul", "Var", "Wen", "Yar",
];
const MIDDLES: [&str; 12] = ["", "", "", "", "a", "e", "en", "er", "i", "in", "o", "or"];

/// Endings fit the country.
const fn endings(biome: Biome) -> &'static [&'static str] {
    match biome {
        Biome::Forest | Biome::BirchForest | Biome::Jungle => &["wood", "holt", "grove", "hurst", "ley", "den", "shaw"],
        Biome::Taiga | Biome::SnowyTaiga | Biome::Tundra => &["gard", "vik", "heim", "stad", "fell", "by", "mark"],
        Biome::Desert | Biome::Savanna => &["abad", "una", "esh", "ara", "im", "oum", "sir"],
        _ => &["ton", "ham", "field", "bury", "mead", "stead", "wick", "ford"],
    }
}

/// A name; of two villages that players can reach on foot, hardly ever the same.
pub(super) fn name(biome: Biome, hash: u64) -> String {
    let mut dice = Dice::new(hash ^ 0x6E61_6D65);
    let mut name = String::from(dice.pick(&STARTS));
    let (middle, ending) = (dice.pick(&MIDDLES), dice.pick(endings(biome)));
    let vowel = |text: &str| text.starts_with(['a', 'e', 'i', 'o', 'u']);
    if !(name.ends_with(['a', 'e', 'i', 'o', 'u']) && vowel(middle)) {
        name.push_str(middle);
    }
    if name.ends_with(['a', 'e', 'i', 'o', 'u']) && vowel(ending) {
        name.pop();
    }
    name.push_str(ending);
    name
}
