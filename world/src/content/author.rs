//! The form of a world that people write: JSON.
//!
//! ```json
//! {
//!   "name": "Hollow Hills", "description": "A quiet land.", "seed": 7,
//!   "params": {},
//!   "rules": { "claimers": "everybody", "price": "1.5 DUST", "term-epochs": 365, "claims-per-account": 4,
//!              "builders": "guests" },
//!   "spawn": [0, 70, 0],
//!   "featured": [ { "name": "The mill", "at": [120, 66, -40], "description": "It turns no more." } ],
//!   "content": { "anchor": [0, 70, 0], "texts": { "hello": { "body": "Welcome." } },
//!                "signs": [ { "at": [2, 0, 3], "text": "hello" } ] }
//! }
//! ```
//!
//! All but `name` and `seed` may be left out; `claimers` is `everybody`, `creator-only` or a list of accounts. Positions
//! in `content` count from its `anchor`. What `params` may hold is the generator's business and read by the caller.
//! `node.rs` reads single values, `content.rs` the content. Reading says where it stumbled; [`WorldDef::check`] has the last
//! word.

mod content;
mod node;

use bitdust_types::Address;
use serde_json::Value;

use self::node::Node;
use super::{
    Builders, Claimers, Content, Featured, Invalid, Problem, Rules, WorldDef,
    id::hex_bytes,
    limits::{self, JSON_BYTES_MAX},
};

/// Reads the generator's parameters.
pub type ReadParams = dyn Fn(Option<&Value>) -> Result<Vec<u8>, String>;

/// What a document doesn't say by itself.
pub struct Authoring<'a> {
    /// The account that publishes.
    pub creator: Address,
    /// The generator's version.
    pub generator: u32,
    /// Turns the document's `params`, if there are any, into the generator's bytes, or says what is wrong with them.
    pub params: &'a ReadParams,
}

impl WorldDef {
    /// Reads what a creator wrote.
    ///
    /// # Errors
    /// [`Invalid`] names the path in the document and what to do.
    pub fn from_json(text: &str, authoring: &Authoring<'_>) -> Result<Self, Invalid> {
        let document = parse(text)?;
        let root = Node::root(&document, "");
        let fields = root.fields(&[
            "name",
            "description",
            "creator",
            "seed",
            "params",
            "rules",
            "spawn",
            "featured",
            "content",
        ])?;
        if let Some(node) = fields.maybe("creator") {
            let named = account(&node)?;
            if named != authoring.creator {
                let (found, publisher) = (named.to_string(), authoring.creator.to_string());
                return Err(node.invalid(Problem::OtherCreator { found, publisher }));
            }
        }
        let params = (authoring.params)(fields.maybe("params").map(|node| node.value()));
        let def = WorldDef {
            name: fields.need("name")?.text()?,
            description: fields.maybe("description").map_or(Ok(String::new()), |node| node.text())?,
            creator: authoring.creator,
            seed: fields.need("seed")?.integer(0, u64::MAX)?,
            generator: authoring.generator,
            params: params.map_err(|why| Invalid::at("params", Problem::BadParams(why)))?,
            rules: fields.maybe("rules").map_or_else(|| Ok(Rules::default()), |node| rules(&node))?,
            spawn: fields.maybe("spawn").map(|node| node.position()).transpose()?,
            featured: match fields.maybe("featured") {
                Some(node) => node.items(limits::FEATURED_MAX)?.iter().map(featured).collect::<Result<_, _>>()?,
                None => Vec::new(),
            },
            content: fields.maybe("content").map_or_else(|| Ok(Content::default()), |node| content::read(&node))?,
        };
        def.check()?;
        Ok(def)
    }
}

impl Content {
    /// Reads content that stands alone, such as a quest to be placed somewhere: the object that a world's document has as
    /// `content`.
    ///
    /// # Errors
    /// [`Invalid`] names the path in the document and what to do.
    pub fn from_json(text: &str) -> Result<Self, Invalid> {
        let document = parse(text)?;
        let content = content::read(&Node::root(&document, "content"))?;
        content.check()?;
        Ok(content)
    }
}

fn parse(text: &str) -> Result<Value, Invalid> {
    if text.len() > JSON_BYTES_MAX {
        return Err(Invalid::at("document", Problem::TooLarge { bytes: text.len(), max: JSON_BYTES_MAX }));
    }
    serde_json::from_str(text).map_err(|error| Invalid::at("document", Problem::NotJson(error.to_string())))
}

fn rules(node: &Node<'_>) -> Result<Rules, Invalid> {
    let fields = node.fields(&["claimers", "price", "term-epochs", "claims-per-account", "builders"])?;
    let mut rules = Rules::default();
    if let Some(node) = fields.maybe("claimers") {
        rules.claimers = if node.is_list() {
            Claimers::Listed(node.items(limits::LISTED_MAX)?.iter().map(account).collect::<Result<_, _>>()?)
        } else {
            node.choice(&[("everybody", Claimers::Everybody), ("creator-only", Claimers::CreatorOnly)])?
        };
    }
    if let Some(node) = fields.maybe("price") {
        let price = node.text()?.parse::<bitdust_types::Amount>();
        rules.price = price.map_err(|error| node.invalid(Problem::BadAmount(error.to_string())))?;
    }
    if let Some(node) = fields.maybe("term-epochs") {
        rules.term_epochs = node.integer(1, limits::TERM_EPOCHS_MAX)?;
    }
    if let Some(node) = fields.maybe("claims-per-account") {
        rules.claims_per_account = node.integer(0, limits::CLAIMS_MAX)?;
    }
    if let Some(node) = fields.maybe("builders") {
        let choices = [("owner", Builders::Owner), ("guests", Builders::Guests), ("everybody", Builders::Everybody)];
        rules.builders = node.choice(&choices)?;
    }
    Ok(rules)
}

fn featured(node: &Node<'_>) -> Result<Featured, Invalid> {
    let fields = node.fields(&["name", "at", "description"])?;
    Ok(Featured {
        name: fields.need("name")?.text()?,
        pos: fields.need("at")?.position()?,
        description: fields.maybe("description").map_or(Ok(String::new()), |node| node.text())?,
    })
}

fn account(node: &Node<'_>) -> Result<Address, Invalid> {
    let text = node.text()?;
    let mut bytes = [0; 20];
    hex_bytes(&text, &mut bytes).ok_or_else(|| node.invalid(Problem::BadAccount(text.chars().take(60).collect())))?;
    Ok(Address::new(bytes))
}
