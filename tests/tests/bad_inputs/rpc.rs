//! The table of JSON-RPC and HTTP: raw requests, as any program might send them.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, hex};
use anyhow::{Context as _, Result};
use bitdust_node::chain::sender::{UnsignedCall, sign_call};
use bitdust_rpc::{Token, api::EthClient as _};
use bitdust_tests::Net;
use bitdust_types::{keys::account_of, params::DEVNET, signing, system::MARKET};
use k256::ecdsa::SigningKey;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, STORED, delegate};

/// A row: what is wrong, the request, and what the error must say.
pub type Row = (&'static str, RequestBuilder, &'static [&'static str]);

/// A method with its parameters: a row of calls.
pub type Call = (&'static str, &'static str, Value, &'static [&'static str]);

pub async fn table(net: &Net, key: &SigningKey, contract: Address) -> Result<Vec<Answer>> {
    let asker = Asker::new(net)?;
    let mut rows = transactions(net, &asker, key).await?;
    rows.extend(calls(&asker, key, contract));
    rows.extend(bodies(&asker));
    rows.extend(objects(&asker));
    let mut answers = asker.answers(rows).await?;
    let (input, must_say) =
        ("an upload that breaks off", &["broke off after 5 bytes", "nothing was stored; send it again"][..]);
    answers.push(Answer { input, said: asker.announce("PUT /objects/broken", 1000).await?, must_say });
    let (input, must_say) = ("a huge body", &["413", "the request has more than", "send smaller batches"][..]);
    answers.push(Answer { input, said: asker.announce("POST /", 1 << 40).await?, must_say });
    Ok(answers)
}

/// Asks the customer's node, and one supplier's.
pub struct Asker {
    http: reqwest::Client,
    customer: String,
    supplier: String,
    token: String,
    supplier_token: String,
}

impl Asker {
    pub fn new(net: &Net) -> Result<Self> {
        let of = |name: &str| -> Result<(String, String)> {
            let process = net.supervisor.processes.iter().find(|process| process.name == name);
            let process = process.with_context(|| format!("a node named {name}"))?;
            Ok((format!("http://{}", process.config.rpc), Token::load(&process.home.token())?.to_hex()))
        };
        let ((customer, token), (supplier, supplier_token)) = (of("customer-0")?, of("supplier-0")?);
        Ok(Asker { http: reqwest::Client::builder().no_proxy().build()?, customer, supplier, token, supplier_token })
    }

    /// What comes of each.
    pub async fn answers(&self, rows: Vec<Row>) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        for (input, request, must_say) in rows {
            let response = request.send().await.with_context(|| format!("sending {input}"))?;
            let status = response.status();
            let said = response.text().await.with_context(|| format!("reading the answer to {input}"))?;
            // Every error has a code and a message; nothing that is wrong may look like a result.
            let told = serde_json::from_str::<Value>(&said).is_ok_and(|body| body["error"]["message"].is_string());
            let batch = said.starts_with('[') && !said.contains("\"result\"");
            let said = if told || batch { said } else { format!("status {status}, no error: {said}") };
            answers.push(Answer { input, said, must_say });
        }
        Ok(answers)
    }

    fn post(&self, body: impl Into<String>) -> RequestBuilder {
        let request = self.http.post(&self.customer).bearer_auth(&self.token);
        request.header("content-type", "application/json").body(body.into())
    }

    pub fn call(&self, method: &str, params: Value) -> RequestBuilder {
        self.post(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string())
    }

    fn object(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("objects/{path}"))
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.customer)).bearer_auth(&self.token)
    }

    /// A request that announces a body of so many bytes and sends few of them. Answers the whole response.
    pub async fn announce(&self, what: &str, bytes: u64) -> Result<String> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let address = self.customer.trim_start_matches("http://");
        let mut line = tokio::net::TcpStream::connect(address).await?;
        let head = format!(
            "{what} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {bytes}\r\n\r\n{{\"id\"",
            self.token
        );
        line.write_all(head.as_bytes()).await?;
        line.shutdown().await?;
        let mut said = String::new();
        line.read_to_string(&mut said).await?;
        Ok(said)
    }
}

/// A transaction that makes a contract.
pub fn sign_creation(key: &SigningKey, call: &UnsignedCall) -> Result<Bytes> {
    signed(key, &TxEip1559 { to: TxKind::Create, ..unsigned(call) })
}

fn unsigned(call: &UnsignedCall) -> TxEip1559 {
    TxEip1559 {
        chain_id: call.chain_id,
        nonce: call.nonce,
        gas_limit: call.gas,
        max_fee_per_gas: call.base_fee * 2,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(call.to),
        value: call.value,
        input: call.input.clone(),
        ..TxEip1559::default()
    }
}

fn signed(key: &SigningKey, tx: &TxEip1559) -> Result<Bytes> {
    let signature = signing::sign(key, tx.signature_hash())?;
    let signature = Signature::from_raw_array(&signature).context("a fresh signature has Ethereum's form")?;
    let envelope: TxEnvelope = tx.clone().into_signed(signature).into();
    Ok(envelope.encoded_2718().into())
}

async fn transactions(net: &Net, asker: &Asker, key: &SigningKey) -> Result<Vec<Row>> {
    let client = net.customer()?;
    let nonce = client.eth_get_transaction_count(account_of(key), None).await?.to();
    let base_fee: u128 = client.eth_gas_price().await?.to();
    let to = Address::repeat_byte(0xaa);
    let good =
        UnsignedCall { chain_id: DEVNET, nonce, gas: 21_000, base_fee, to, value: U256::ONE, input: Bytes::new() };
    let call = |change: &dyn Fn(&mut UnsignedCall)| {
        let mut call = good.clone();
        change(&mut call);
        call
    };
    let raw = |change: &dyn Fn(&mut UnsignedCall)| sign_call(key, &call(change));
    let whole = raw(&|_| {})?;
    let mut torn_signature = whole.to_vec();
    // The last 32 bytes are s.
    let s_at = torn_signature.len() - 32;
    torn_signature[s_at..].fill(0xff);
    let mut blob = whole.to_vec();
    blob[0] = 3;
    let poor = SigningKey::from_slice(&[9; 32])?;
    let tip = signed(key, &TxEip1559 { max_priority_fee_per_gas: base_fee * 3, ..unsigned(&good) })?;
    let cheap = signed(key, &TxEip1559 { max_fee_per_gas: 2, ..unsigned(&good) })?;
    let large = raw(&|call| {
        call.input = vec![1; 200_000].into();
        call.gas = 9_000_000;
    })?;
    let rows: Vec<(&'static str, Bytes, &'static [&'static str])> = vec![
        ("a truncated transaction", whole.slice(..whole.len() / 2), &["can't be decoded", "nothing was sent"]),
        ("a transaction without bytes", Bytes::new(), &["can't be decoded", "nothing was sent"]),
        ("bytes behind a transaction", [&whole[..], &[0]].concat().into(), &["can't be decoded", "nothing was sent"]),
        (
            "a transaction for another chain",
            raw(&|call| call.chain_id = 1)?,
            &["chain id Some(1)", "this network has 45439"],
        ),
        ("a transaction without end", large, &["has a size of", "is allowed"]),
        ("a signature out of range", torn_signature.into(), &["signature is not valid", "nothing was sent"]),
        ("a blob transaction", blob.into(), &["transaction type 3 is not accepted", "send type 0"]),
        ("an account without coins", sign_call(&poor, &call(&|call| call.nonce = 0))?, &["has 0 grains", "may cost"]),
        ("more coins than there are", raw(&|call| call.value = U256::MAX >> 8)?, &["grains", "may cost"]),
        ("a value beyond all coins", raw(&|call| call.value = U256::MAX)?, &["grains", "nothing was sent"]),
        ("a nonce that is used", raw(&|call| call.nonce = 0)?, &["nonce 0 of", "is used: the next is"]),
        ("a nonce from the future", raw(&|call| call.nonce += 1_000_000)?, &["more than", "ahead of the account's"]),
        ("too little gas for its bytes", raw(&|call| call.gas = 100)?, &["gas limit 100 is below the 21000"]),
        ("more gas than a block has", raw(&|call| call.gas = 1 << 40)?, &["is above a block's 30000000"]),
        ("a tip above the fee", tip, &["priority fee", "is above the maximum fee"]),
        ("a fee below the base fee", cheap, &["below the base fee", "offer more"]),
    ];
    let send = |raw: &Bytes| asker.call("eth_sendRawTransaction", json!([raw]));
    Ok(rows.into_iter().map(|(input, raw, must_say)| (input, send(&raw), must_say)).collect())
}

fn calls(asker: &Asker, key: &SigningKey, contract: Address) -> Vec<Row> {
    let from = account_of(key);
    let delegate = json!([{ "from": from, "to": contract, "value": "0x5", "data": delegate::deposit() }, "latest"]);
    let nothing = json!([{ "from": from, "to": MARKET, "data": delegate::deposit() }, "latest"]);
    let gibberish = json!([{ "from": from, "to": MARKET, "data": "0xdeadbeef" }, "latest"]);
    let id = "0x".to_owned() + &hex::encode([7; 32]);
    let rows: Vec<Call> = vec![
        ("a deposit by DELEGATECALL", "eth_call", delegate, &["execution reverted", "no DELEGATECALL"]),
        ("a deposit of nothing", "eth_call", nothing, &["execution reverted"]),
        ("a function that the Market lacks", "eth_call", gibberish, &["execution reverted", "deadbeef"]),
        ("a method that is not", "eth_mine", json!([]), &["there is no method 'eth_mine'", "rpc.discover"]),
        ("an address too short", "eth_getBalance", json!(["0x12"]), &["eth_getBalance", "rpc.discover"]),
        ("no parameters", "eth_getBalance", json!([]), &["eth_getBalance", "rpc.discover"]),
        ("a block to come", "eth_getBalance", json!([from, "0xffffff"]), &["there is no block", "the newest is"]),
        ("a negative height", "ledger_block", json!([-1]), &["ledger_block", "rpc.discover"]),
        ("a dataset id too long", "market_dataset", json!([format!("{id}00")]), &["64 hexadecimal digits"]),
        ("a negative amount", "node_send", json!([{ "to": from, "amount": "-5" }]), &["'-5'"]),
        (
            "an amount that overflows",
            "node_send",
            json!([{ "to": from, "amount": "1".repeat(60) }]),
            &["grains below 2^128"],
        ),
        ("logs of blocks backwards", "eth_getLogs", json!([{ "fromBlock": "0x5", "toBlock": "0x1" }]), &["5", "1"]),
        (
            "a state override",
            "eth_call",
            json!([{ "to": from }, "latest", { (from.to_string()): { "balance": "0x1" } }]),
            &["overrides are not supported"],
        ),
        ("a path that climbs", "storage_stat", json!(["../secret"]), &["'../secret'"]),
    ];
    let mut rows: Vec<Row> = rows
        .into_iter()
        .map(|(input, method, params, must_say)| (input, asker.call(method, params), must_say))
        .collect();
    // An offer that has expired before it begins.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "supplier_register", "params": [{ "validUntil": 1 }] });
    let request = asker.http.post(&asker.supplier).bearer_auth(&asker.supplier_token).json(&body);
    rows.push(("an expired offer", request, &["would fail", "was valid until height 1", "must register it again"]));
    rows
}

fn bodies(asker: &Asker) -> Vec<Row> {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "node_send", "params": [] }).to_string();
    let plain = |token: Option<&str>| {
        let request = asker.http.post(&asker.customer).header("content-type", "application/json").body(call.clone());
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    };
    let block_number = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": [] });
    let batch = Value::Array(vec![block_number; 5_000]).to_string();
    vec![
        ("no JSON", asker.post("{\"jsonrpc\": "), &["the body is not JSON", "send such as"]),
        ("JSON that is no call", asker.post("17"), &["neither a call nor a batch"]),
        ("a call without version", asker.post("{\"method\":\"eth_blockNumber\"}"), &["not marked", "send such as"]),
        ("a huge batch", asker.post(batch), &["batch"]),
        (
            "a body that is said to be text",
            asker.http.post(&asker.customer).body(call.clone()),
            &["Content-Type: application/json"],
        ),
        ("a call without token", plain(None), &["node_send", "carries none", "Authorization: Bearer"]),
        (
            "a call with a wrong token",
            plain(Some("sesame")),
            &["node_send", "carries another one", "the token is in the file"],
        ),
        (
            "a foreign host",
            asker.call("eth_blockNumber", json!([])).header("host", "evil.example"),
            &["'evil.example'", "call it by IP address"],
        ),
        (
            "a foreign web page",
            asker.call("eth_blockNumber", json!([])).header("origin", "https://evil.example"),
            &["https://evil.example", "may not call this server"],
        ),
        ("GET of the RPC address", asker.http.get(&asker.customer), &["GET / is not served", "by POST"]),
        (
            "a route that is not",
            asker.http.get(format!("{}/etc/passwd", asker.customer)),
            &["/etc/passwd", "JSON-RPC is at /"],
        ),
    ]
}

fn objects(asker: &Asker) -> Vec<Row> {
    let tar =
        |body: Vec<u8>| asker.object(Method::PUT, "batch/").header("content-type", "application/x-tar").body(body);
    vec![
        (
            "an archive that is none",
            tar(vec![b'x'; 2000]),
            &["the tar archive can't be read after 0 entries", "nothing was stored"],
        ),
        ("an archive that ends too early", tar(vec![0; 100]), &["the tar archive can't be read", "nothing was stored"]),
        (
            "a batch that is no archive",
            asker.object(Method::PUT, "batch/").body("text"),
            &["stores a batch", "Content-Type: application/x-tar"],
        ),
        ("k > n in a query", asker.object(Method::PUT, "new?k=9&n=2").body("text"), &["9 of 2 is no layout", "k <= n"]),
        ("k beyond a byte", asker.object(Method::PUT, "new?k=300&n=400").body("text"), &["the query", "is wrong"]),
        (
            "an unknown word in a query",
            asker.object(Method::PUT, "new?shards=3").body("text"),
            &["the query", "shards"],
        ),
        (
            "a path with two slashes",
            asker.object(Method::PUT, "a//b").body("text"),
            &["'a//b' is no path", "two in a row"],
        ),
        ("a path that is no text", asker.object(Method::GET, "%ff%fe"), &["is not UTF-8", "percent-encode"]),
        (
            "a range beyond the end",
            asker.object(Method::GET, STORED).header("range", "bytes=999999-"),
            &["outside of the object", "100000 bytes"],
        ),
        ("an object that is not", asker.object(Method::GET, "nothing"), &["'nothing'", "`bitdust ls`"]),
        (
            "a revision that is not",
            asker.object(Method::GET, &format!("{STORED}?revision=77")),
            &["revision 77", "is not kept"],
        ),
        (
            "a delete without token",
            asker.http.delete(format!("{}/objects/{STORED}", asker.customer)),
            &["carries none", "Authorization: Bearer"],
        ),
        (
            "a read of what is private",
            asker.http.get(format!("{}/objects/{STORED}", asker.customer)),
            &["carries none", "Authorization: Bearer"],
        ),
        ("a method that objects lack", asker.object(Method::POST, STORED), &["use PUT, GET, HEAD or DELETE"]),
    ]
}
