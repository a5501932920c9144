//! The table of worlds: definitions, claims, edits and requests for chunks that are wrong, by command line, JSON-RPC and HTTP.

use std::{ffi::OsStr, fs};

use anyhow::{Context as _, Result};
use bitdust_rpc::{
    api::WorldClient as _,
    types::world::{ClaimRequest, CreateWorld, MayBuild},
};
use bitdust_tests::Net;
use bitdust_types::B256;
use bitdust_world::LocationPos;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, cli, rpc::Asker};

/// The location that is claimed before anything goes wrong.
const HOME: LocationPos = LocationPos::new(0, 0, 0);
/// The same as people write it.
const HOME_TEXT: &str = "0,0,0";
/// An account that nobody has.
const SOMEBODY: &str = "0x7777777777777777777777777777777777777777";

/// Publishes a world in which the customer has a location.
pub async fn settle(net: &Net) -> Result<B256> {
    let client = net.customer()?;
    let definition = json!({ "name": "Bad Lands", "seed": 7, "rules": { "term-epochs": 1000 } });
    let world = client.world_create(CreateWorld { definition, epochs: Some(1000) }).await?.id;
    client.world_claim(world, ClaimRequest { pos: HOME, build: MayBuild::Owner, epochs: None }).await?;
    Ok(world)
}

pub async fn table(net: &Net, world: B256) -> Result<Vec<Answer>> {
    let mut answers = commands(net, world).await?;
    let asker = Asker::new(net)?;
    answers.extend(asker.answers(calls(&asker, world)).await?);
    answers.extend(asker.answers(chunks(&asker, world)).await?);
    let (input, must_say) = ("a request for chunks that breaks off", &["broke off after 5 bytes"][..]);
    let what = format!("POST /worlds/{world}/chunks");
    answers.push(Answer { input, said: asker.announce(&what, 1000).await?, must_say });
    Ok(answers)
}

/// `bitdust world ...`.
async fn commands(net: &Net, world: B256) -> Result<Vec<Answer>> {
    let dir = net.dir().join("worlds");
    fs::create_dir_all(&dir)?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = dir.join(name);
        fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    };
    let missing = dir.join("missing.json").to_string_lossy().into_owned();
    let torn = file("torn.json", r#"{ "name": "w", "#)?;
    let list = file("list.json", "[1, 2]")?;
    let nameless = file("nameless.json", r#"{ "seed": 1 }"#)?;
    let typo = file("typo.json", r#"{ "name": "w", "seed": 1, "sead": 2 }"#)?;
    let caves = file("caves.json", r#"{ "name": "w", "seed": 1, "params": { "caves": 999 } }"#)?;
    let text = r#"{ "name": "w", "seed": 1, "content": { "signs": [ { "at": [0, 0, 0], "text": "nowhere" } ] } }"#;
    let sign = file("sign.json", text)?;
    // A file of a terabyte that takes no disk.
    let endless = file("endless.json", "")?;
    fs::File::options().write(true).open(&endless)?.set_len(1 << 40)?;
    let (world, unknown) = (world.to_string(), format!("0x{}", "77".repeat(32)));

    let customer = net.supervisor.processes.iter().find(|process| process.name == "customer-0");
    let customer = customer.context("a customer")?;
    let supplier = net.supervisor.processes.iter().find(|process| process.name == "supplier-0");
    let supplier = supplier.context("a supplier")?;
    let (rpc, token) = (format!("http://{}", customer.config.rpc), customer.home.token());
    let supplier_rpc = format!("http://{}", supplier.config.rpc);
    let supplier_token = supplier.home.token().to_string_lossy().into_owned();

    let rows: Vec<cli::Row<'_>> = vec![
        (
            "a definition that is missing",
            vec!["world", "create", &missing],
            &["reading the definition", "missing.json"],
        ),
        ("half a definition", vec!["world", "create", &torn], &["torn.json", "is no JSON", "line 1"]),
        ("a definition that is a list", vec!["world", "create", &list], &["a list stands here", "an object"]),
        ("a definition without a name", vec!["world", "create", &nameless], &["name: missing; add it"]),
        ("a definition with a typo", vec!["world", "create", &typo], &["sead: not a field that is known here", "seed"]),
        (
            "caves that no terrain has",
            vec!["world", "create", &caves],
            &["params: the generator refuses", "`caves` is 999", "from 0 to 200"],
        ),
        (
            "a sign without a text",
            vec!["world", "create", &sign],
            &["content.signs[at (0, 0, 0)].text", "there is no text named 'nowhere'"],
        ),
        (
            "a definition without end",
            vec!["world", "create", &endless],
            &["endless.json", "1099511627776 bytes", "at most 8388608"],
        ),
        ("a world's id too short", vec!["world", "stat", "0x12"], &["0x12", "--help"]),
        ("a world that is not", vec!["world", "stat", &unknown], &["the ledger has no world", "`bitdust world list`"]),
        (
            "a claim in a world that is not",
            vec!["world", "claim", &unknown, HOME_TEXT],
            &["the ledger has no world", "`bitdust world list`"],
        ),
        (
            "a location in words",
            vec!["world", "claim", &world, "over there"],
            &["'over there' is no location", "such as 0,0,-1"],
        ),
        (
            "a location beyond the range",
            vec!["world", "claim", &world, "0,0,99999999999999999999"],
            &["is no location", "such as 0,0,-1"],
        ),
        (
            "builders that nobody knows",
            vec!["world", "claim", &world, "1,0,0", "--build", "friends"],
            &["'friends'", "owner, guests or everybody"],
        ),
        ("a place that is taken", vec!["world", "claim", &world, HOME_TEXT], &["is claimed by", "until epoch"]),
        (
            "an access list without a change",
            vec!["world", "access", &world, HOME_TEXT],
            &["nothing to change", "--welcome", "`bitdust world stat`"],
        ),
        (
            "an account let in and out",
            vec!["world", "access", &world, HOME_TEXT, "--welcome", SOMEBODY, "--dismiss", SOMEBODY],
            &[SOMEBODY, "both welcome and dismissed"],
        ),
        (
            "a guest of nobody's place",
            vec!["world", "access", &world, "5,5,5", "--welcome", SOMEBODY],
            &["location (5, 5, 5) is nobody's", "`bitdust world claim`"],
        ),
        ("a version of nobody's place", vec!["world", "save", &world, "5,5,5"], &["location (5, 5, 5) is nobody's"]),
        ("a version without edits", vec!["world", "save", &world, HOME_TEXT], &["has no edits since its version 0"]),
        (
            "a supplier asked about worlds",
            vec!["world", "list", "--rpc", &supplier_rpc, "--token-file", &supplier_token],
            &["does not know worlds", "'customer'"],
        ),
    ];
    let settings: [(&str, &OsStr); 2] = [("BITDUST_RPC", rpc.as_ref()), ("BITDUST_TOKEN_FILE", token.as_os_str())];
    let mut answers = Vec::new();
    for (input, arguments, must_say) in rows {
        answers.push(cli::fail(&dir, input, &arguments, &settings, must_say).await?);
    }
    Ok(answers)
}

/// `world_...`.
fn calls(asker: &Asker, world: B256) -> Vec<super::rpc::Row> {
    let unknown = format!("0x{}", "77".repeat(32));
    let voxel = |x: i64, y: i64, z: i64| json!({ "x": x, "y": y, "z": z });
    let edit = |x: i64, block: Value| json!({ "pos": voxel(x, 0, 0), "block": block });
    // One voxel in each of 28 locations in a row.
    let scattered: Vec<Value> = (0..28).map(|n| edit(256 * n, json!(1))).collect();
    let guests: Vec<String> = (0..257).map(|n| format!("0x{n:040x}")).collect();
    let place = |x: i64| json!({ "x": x, "y": 0, "z": 0 });
    let rows: Vec<super::rpc::Call> = vec![
        (
            "an edit of nobody's place",
            "world_edit",
            json!([world, [edit(5_000, json!(1))]]),
            &["is nobody's", "claim it first"],
        ),
        ("an edit of nothing", "world_edit", json!([world, []]), &["there is nothing to change"]),
        (
            "a block that no world has",
            "world_edit",
            json!([world, [edit(1, json!(16_384))]]),
            &["block 16384", "ids end at 16384"],
        ),
        ("a block below zero", "world_edit", json!([world, [edit(1, json!(-1))]]), &["world_edit", "rpc.discover"]),
        (
            "an edit of too many places",
            "world_edit",
            json!([world, scattered]),
            &["28 locations at once are too many", "at most 27"],
        ),
        (
            "an edit in a world that is not",
            "world_edit",
            json!([unknown, [edit(1, json!(1))]]),
            &["the ledger has no world"],
        ),
        (
            "a position that no number holds",
            "world_edit",
            json!([world, [{ "pos": { "x": 1e30, "y": 0, "z": 0 }, "block": 1 }]]),
            &["world_edit", "rpc.discover"],
        ),
        (
            "claims too far around",
            "world_near",
            json!([world, voxel(0, 0, 0), 4_000_000]),
            &["within 2048 m at most", "world_claims"],
        ),
        ("too many guests", "world_access", json!([world, place(0), "guests", guests]), &["at most 64 guests"]),
        (
            "too many who make versions",
            "world_access",
            json!([world, place(0), "guests", [], guests[..9]]),
            &["8 compactors"],
        ),
        (
            "a guest of nobody's place",
            "world_admit",
            json!([world, place(9), { "welcome": [guests[0]] }]),
            &["is nobody's", "claim"],
        ),
        (
            "a guest who comes and goes",
            "world_admit",
            json!([world, place(0), { "welcome": [guests[0]], "dismiss": [guests[0]] }]),
            &["both welcome and dismissed"],
        ),
        ("guests of nobody's place", "world_access", json!([world, place(9), "guests", []]), &["is nobody's"]),
        (
            "builders that are no word",
            "world_access",
            json!([world, place(0), 7, []]),
            &["world_access", "rpc.discover"],
        ),
        (
            "a claim with an unknown field",
            "world_claim",
            json!([world, { "pos": place(3), "price": 0 }]),
            &["world_claim", "price"],
        ),
        (
            "a definition that is a number",
            "world_create",
            json!([{ "definition": 17 }]),
            &["the world's definition", "an object"],
        ),
        (
            "a world for a price that is none",
            "world_create",
            json!([{ "definition": { "name": "w", "seed": 1, "rules": { "price": "much" } } }]),
            &["rules.price: 'much' is not an amount"],
        ),
        ("a place in a world that is not", "world_location", json!([unknown, place(0)]), &["the ledger has no world"]),
    ];
    let rows = rows.into_iter().map(|(input, method, params, must_say)| (input, asker.call(method, params), must_say));
    rows.collect()
}

/// `POST /worlds/{id}/chunks`.
fn chunks(asker: &Asker, world: B256) -> Vec<super::rpc::Row> {
    let post = |world: &str, body: Value| -> RequestBuilder {
        asker.request(Method::POST, &format!("worlds/{world}/chunks")).body(body.to_string())
    };
    let (known, unknown) = (world.to_string(), format!("0x{}", "77".repeat(32)));
    let wanted = |count: i64| -> Value {
        let chunks: Vec<Value> = (0..count).map(|x| json!({ "pos": { "x": x, "y": 0, "z": 0 } })).collect();
        json!({ "chunks": chunks })
    };
    let garbage = asker.request(Method::POST, &format!("worlds/{world}/chunks")).body(vec![0xff; 2000]);
    vec![
        ("chunks of no world", post("hills", wanted(1)), &["'hills' is no world's id", "world_list"]),
        ("chunks of a world that is not", post(&unknown, wanted(1)), &["the ledger has no world"]),
        ("a request for chunks that is garbage", garbage, &["the request for chunks is wrong", "send such as"]),
        ("a request for no chunks", post(&known, wanted(0)), &["0 chunks were asked for", "1 to 512"]),
        ("a request for too many chunks", post(&known, wanted(513)), &["513 chunks were asked for", "1 to 512"]),
        (
            "a chunk whose hash is too short",
            post(&known, json!({ "chunks": [{ "pos": { "x": 0, "y": 0, "z": 0 }, "have": "0x12" }] })),
            &["the request for chunks is wrong"],
        ),
        (
            "a chunk due in the past",
            post(&known, json!({ "chunks": [{ "pos": { "x": 0, "y": 0, "z": 0 }, "deadlineMs": -1 }] })),
            &["the request for chunks is wrong", "-1"],
        ),
        (
            "a request for chunks with an unknown word",
            post(&known, json!({ "chunks": [], "colour": "red" })),
            &["the request for chunks is wrong", "colour"],
        ),
        (
            "chunks by GET",
            asker.request(Method::GET, &format!("worlds/{world}/chunks")),
            &["chunks are asked for by POST"],
        ),
    ]
}
