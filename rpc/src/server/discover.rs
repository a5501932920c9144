//! `rpc.discover`: an OpenRPC document of the methods that are served.
//!
//! Names, parameters and explanations are read from the source of the traits in `api/`, which this file includes as
//! text, so that the document can't say anything else than the code. Types are given as the Rust types' names with the
//! nearest JSON schema.

use serde_json::{Value, json};

use crate::token::{Need, need};

const SOURCES: [(&str, &str); 10] = [
    ("eth", include_str!("../api/eth.rs")),
    ("net", include_str!("../api/net.rs")),
    ("web3", include_str!("../api/web3.rs")),
    ("ledger", include_str!("../api/ledger.rs")),
    ("market", include_str!("../api/market.rs")),
    ("storage", include_str!("../api/storage.rs")),
    ("supplier", include_str!("../api/supplier.rs")),
    ("node", include_str!("../api/node.rs")),
    ("world", include_str!("../api/world.rs")),
    ("meet", include_str!("../api/meet.rs")),
];

/// The document for the methods of these names.
pub fn document(names: &[&'static str]) -> Value {
    let known: Vec<Value> = SOURCES.iter().flat_map(|(namespace, source)| methods(namespace, source)).collect();
    let mut names = names.to_vec();
    names.sort_unstable();
    let methods: Vec<Value> = names.into_iter().map(|name| entry(name, &known)).collect();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "BitDust",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Parameters are given by position. Methods with x-needs-token need the header \
                'Authorization: Bearer <token>'. Subscriptions need a WebSocket. Bytes of objects go over HTTP: PUT, GET, HEAD, DELETE /objects/{path}; chunks of worlds: \
                POST /worlds/{id}/chunks.",
        },
        "methods": methods,
    })
}

fn entry(name: &str, known: &[Value]) -> Value {
    let found = known.iter().find(|method| method["name"] == name).cloned();
    found.unwrap_or_else(|| {
        let summary = if name == "rpc.discover" { "This document." } else { "" };
        json!({
            "name": name, "summary": summary, "params": [], "x-needs-token": need(name) == Need::Token,
            "result": { "name": "result", "schema": {} },
        })
    })
}

/// Every method of a trait's source: doc comment, `#[method(name = "...")]`, signature; and every subscription, which is one
/// method that begins it and one that ends it.
fn methods(namespace: &str, source: &str) -> Vec<Value> {
    let ends = source.split("unsubscribe = \"").skip(1).filter_map(|rest| rest.split_once('"'));
    let ends = ends.map(|(name, _)| {
        let signature = "(&self, subscription: String) -> Result<bool, Failure>";
        described_method(namespace, name, "Ends a subscription.", signature)
    });
    let source = source.replace("#[subscription(name", "#[method(name");
    let pieces: Vec<&str> = source.split("#[method(name = \"").collect();
    let described = pieces.windows(2).filter_map(|pair| {
        let (name, rest) = pair[1].split_once('"')?;
        let signature = rest.split(';').next()?;
        let above = pair[0].lines().rev().map(str::trim).skip_while(|line| line.is_empty());
        let mut doc: Vec<&str> = above.map_while(|line| line.strip_prefix("///")).map(str::trim).collect();
        doc.reverse();
        Some(described_method(namespace, name, &doc.join(" "), signature))
    });
    described.chain(ends).collect()
}

fn described_method(namespace: &str, name: &str, summary: &str, signature: &str) -> Value {
    let full = format!("{namespace}_{name}");
    let (_, rest) = signature.split_once("&self").unwrap_or_default();
    let (params, result) = rest.split_once("-> Result<").unwrap_or((rest, "(), Failure>"));
    let params: Vec<Value> =
        params.rsplit_once(')').map_or(params, |(inner, _)| inner).split(',').filter_map(parameter).collect();
    let result = result.rsplit_once(", Failure>").map_or(result, |(inner, _)| inner);
    json!({
        "name": full,
        "summary": summary.trim(),
        "params": params,
        "result": { "name": "result", "schema": schema(result) },
        "x-needs-token": need(&full) == Need::Token,
    })
}

/// `name: Type`; no type among the parameters has a comma in it.
fn parameter(text: &str) -> Option<Value> {
    let (name, kind) = text.split_once(':')?;
    let kind = kind.trim();
    let inner = kind.strip_prefix("Option<").and_then(|inner| inner.strip_suffix('>'));
    Some(json!({ "name": name.trim(), "required": inner.is_none(), "schema": schema(inner.unwrap_or(kind)) }))
}

fn schema(kind: &str) -> Value {
    let json = match kind {
        "u64" | "u32" | "u16" => "integer",
        "bool" => "boolean",
        "String" | "U64" | "U256" | "B256" | "Address" | "Bytes" | "DatasetId" | "Amount" | "BlockNumberOrTag" => {
            "string"
        }
        list if list.starts_with("Vec<") => "array",
        // A block is named by a string or an object; anything else may be null.
        _ => return json!({ "x-rust-type": kind }),
    };
    json!({ "type": json, "x-rust-type": kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_says_what_the_traits_say() {
        let names = ["eth_getBalance", "eth_call", "market_statement", "node_send", "rpc.discover"];
        let document = document(&names);
        let methods = document["methods"].as_array().unwrap();
        let of = |name: &str| methods.iter().find(|method| method["name"] == name).unwrap();
        assert_eq!(methods.len(), names.len());
        assert_eq!(of("eth_getBalance")["summary"], "An account's balance in grains.");
        assert_eq!(of("eth_getBalance")["params"][0]["name"], "address");
        assert_eq!(of("eth_getBalance")["params"][0]["required"], true);
        assert_eq!(of("eth_getBalance")["params"][1]["required"], false);
        assert_eq!(of("eth_getBalance")["result"]["schema"]["x-rust-type"], "U256");
        assert_eq!(of("eth_call")["params"].as_array().unwrap().len(), 3);
        assert_eq!(of("market_statement")["params"][2]["name"], "to");
        assert_eq!(of("node_send")["x-needs-token"], true);
        assert_eq!(of("eth_call")["x-needs-token"], false);
    }

    #[test]
    fn every_method_in_the_sources_is_explained() {
        let all: Vec<Value> = SOURCES.iter().flat_map(|(namespace, source)| methods(namespace, source)).collect();
        let attributes =
            |source: &str| source.matches("#[method(").count() + 2 * source.matches("#[subscription(").count();
        let attributes: usize = SOURCES.iter().map(|(_, source)| attributes(source)).sum();
        assert_eq!(all.len(), attributes);
        for method in all {
            assert!(method["summary"].as_str().unwrap().ends_with('.'), "{method}");
        }
    }
}
