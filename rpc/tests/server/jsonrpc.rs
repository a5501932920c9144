//! JSON-RPC over HTTP and WebSocket: what works, and what is refused with which words.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{BlockNumberOrTag, eip2718::Encodable2718};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_eth::{BlockTransactions, SyncStatus, TransactionRequest};
use alloy_signer::SignerSync;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use bitdust_rpc::{
    Code, Failure,
    api::{EthClient, NetClient, NodeClient, StorageClient, Web3Client},
};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};

use crate::{backend::Node, chain::RICH};

fn signer() -> PrivateKeySigner {
    let phrase = "test test test test test test test test test test test junk";
    MnemonicBuilder::from_phrase(phrase).index(0).unwrap().build().unwrap()
}

fn transfer(nonce: u64, to: Address, value: u64) -> TxEnvelope {
    let tx = TxEip1559 {
        chain_id: 45439,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 3_000_000_000,
        max_priority_fee_per_gas: 1_000,
        to: to.into(),
        value: U256::from(value),
        ..TxEip1559::default()
    };
    let signature = signer().sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

/// Every way of calling, over HTTP and over WebSocket, through the same checks.
async fn read_and_send(client: &impl EthClient, nonce: u64) {
    assert_eq!(client.eth_chain_id().await.unwrap().to::<u64>(), 45439);
    assert_eq!(client.eth_syncing().await.unwrap(), SyncStatus::None);
    let to = Address::repeat_byte(0x42);
    let before = client.eth_get_balance(to, None).await.unwrap();
    let tx = transfer(nonce, to, 77);
    let hash = client.eth_send_raw_transaction(tx.encoded_2718().into()).await.unwrap();
    assert_eq!(client.eth_get_balance(to, None).await.unwrap(), before + U256::from(77));
    assert_eq!(client.eth_get_transaction_count(RICH, None).await.unwrap().to::<u64>(), nonce + 1);
    let receipt = client.eth_get_transaction_receipt(hash).await.unwrap().unwrap();
    assert!(receipt.inner.is_success());
    assert_eq!((receipt.from, receipt.to, receipt.effective_gas_price), (RICH, Some(to), 1_000_001_000));
    let block = client.eth_get_block_by_hash(receipt.block_hash.unwrap(), true).await.unwrap().unwrap();
    let BlockTransactions::Full(transactions) = &block.transactions else { panic!("hashes instead of transactions") };
    assert_eq!(transactions[0].inner.inner(), &tx);
    assert_eq!(transactions[0].inner.signer(), RICH);
    let same = client.eth_get_block_by_number(BlockNumberOrTag::Latest, false).await.unwrap().unwrap();
    assert_eq!(same.header, block.header);
    assert_eq!(same.transactions, BlockTransactions::Hashes(vec![hash]));
    assert_eq!(client.eth_get_transaction_by_hash(hash).await.unwrap().unwrap(), transactions[0]);
    assert_eq!(client.eth_get_transaction_by_hash(B256::ZERO).await.unwrap(), None);
    assert_eq!(client.eth_get_block_by_number(BlockNumberOrTag::Number(999), false).await.unwrap(), None);
    let fees = client.eth_fee_history(alloy_primitives::U64::from(2), BlockNumberOrTag::Latest, Some(vec![20.0])).await;
    assert_eq!(fees.unwrap().gas_used_ratio.len(), 2);
}

#[tokio::test]
async fn coins_are_sent_and_read_back_over_http_and_websocket() {
    let node = Node::start().await;
    let http = node.stranger().await;
    read_and_send(&http, 0).await;
    let ws = WsClientBuilder::default().build(node.url.replace("http", "ws")).await.unwrap();
    read_and_send(&ws, 1).await;
    assert_eq!(ws.web3_sha3(Bytes::from_static(b"abc")).await.unwrap(), keccak256(b"abc"));
    assert_eq!(ws.net_version().await.unwrap(), "45439");
    node.handle.stop().await;
}

/// What `cast` reads of a block, spelled as Ethereum's specification spells it.
#[tokio::test]
async fn a_block_has_the_fields_of_ethereum() {
    let node = Node::start().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["latest", false] });
    let (_, answer) = node.post(call.to_string()).await;
    let block = &answer["result"];
    for (name, value) in [
        ("number", "0x0"),
        ("gasLimit", "0x1c9c380"),
        ("baseFeePerGas", "0x3b9aca00"),
        ("size", "0x258"),
        ("timestamp", "0x6553f100"),
        ("difficulty", "0x0"),
        ("nonce", "0x0000000000000000"),
    ] {
        assert_eq!(block[name], value, "{name}");
    }
    for name in [
        "hash",
        "parentHash",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "sha3Uncles",
        "logsBloom",
        "miner",
        "extraData",
        "mixHash",
        "gasUsed",
        "transactions",
        "uncles",
    ] {
        assert!(!block[name].is_null(), "{name} is missing");
    }
}

#[tokio::test]
async fn a_revert_keeps_its_data_where_wallets_look_for_it() {
    let node = Node::start().await;
    let client = node.stranger().await;
    let error = client.eth_call(TransactionRequest::default(), None, None).await.unwrap_err();
    let jsonrpsee_error = client.explain(error);
    let bitdust_rpc::client::Error::Failure(failure) = jsonrpsee_error else { panic!("{jsonrpsee_error}") };
    assert_eq!((failure.code, failure.code.number()), (Code::Reverted, 3));
    assert_eq!(failure.data, Some(Value::from("0xdeadbeef")));
    assert!(failure.message.contains("short by 5 grains"));
}

/// One bad request: its body, the status, the code, and words that must be in the message.
async fn check(node: &Node, body: &str, status: u16, code: i64, words: &[&str]) {
    let (got, answer) = node.post(body.to_owned()).await;
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    let shown: String = body.chars().take(80).collect();
    assert_eq!((got, answer["error"]["code"].as_i64()), (status, Some(code)), "{shown}: {answer}");
    for word in words {
        assert!(message.contains(word), "'{word}' is not in '{message}' ({shown})");
    }
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let node = Node::start().await;
    let call = |method: &str, params: Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
    };
    check(&node, "", 200, -32700, &["not JSON", "line 1"]).await;
    check(&node, "{\"jsonrpc\":", 200, -32700, &["not JSON", "column 11"]).await;
    check(&node, "\u{0}\u{1}", 200, -32700, &["not JSON"]).await;
    check(&node, "{}", 200, -32600, &["jsonrpc"]).await;
    check(&node, r#"{"jsonrpc":"1.0","method":"net_version"}"#, 200, -32600, &["2.0"]).await;
    check(&node, r#"{"jsonrpc":"2.0","id":1}"#, 200, -32600, &["no method"]).await;
    check(&node, r#"{"jsonrpc":"2.0","method":7,"id":1}"#, 200, -32600, &["no method"]).await;
    check(&node, "7", 200, -32600, &["neither a call nor a batch"]).await;
    check(&node, "[]", 200, -32600, &[]).await;
    check(&node, &call("eth_nothing", json!([])), 200, -32601, &["'eth_nothing'", "rpc.discover"]).await;
    check(&node, &call("eth_getbalance", json!([])), 200, -32601, &["did you mean eth_getBalance?"]).await;
    check(&node, &call("getBalance", json!([])), 200, -32601, &["did you mean eth_getBalance?"]).await;
    check(&node, &call("supplier_exitt", json!([])), 200, -32601, &["supplier_exitt"]).await;
    check(&node, &call("eth_getBalance", json!([])), 200, -32602, &["eth_getBalance", "rpc.discover"]).await;
    check(&node, &call("eth_getBalance", json!(["0x12"])), 200, -32602, &["eth_getBalance"]).await;
    check(&node, &call("eth_getBlockByNumber", json!(["latest"])), 200, -32602, &["eth_getBlockByNumber"]).await;
    check(&node, &call("eth_sendRawTransaction", json!(["0x02"])), 200, -32602, &["no transaction"]).await;
    let mut wrong_chain = transfer(0, RICH, 1).encoded_2718();
    check(&node, &call("eth_sendRawTransaction", json!([Bytes::from(wrong_chain.split_off(9))])), 200, -32602, &[])
        .await;
    check(&node, &call("node_metrics", json!([])), 200, -32603, &["node_metrics", "log"]).await;
    let huge = format!("\"{}\"", "x".repeat(3 << 20));
    check(&node, &huge, 413, -32005, &["2097152 bytes"]).await;
    let batch = Value::from(vec![json!({ "jsonrpc": "2.0", "id": 1, "method": "net_version" }); 101]);
    check(&node, &batch.to_string(), 200, -32010, &[]).await;
    // After all that it still answers.
    assert!(node.stranger().await.net_listening().await.unwrap());
}

#[tokio::test]
async fn an_oversized_body_without_a_length_is_cut_off_too() {
    let node = Node::start().await;
    let pieces = futures::stream::iter((0..64).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 << 10])));
    let (status, answer) = node.post(reqwest::Body::wrap_stream(pieces)).await;
    assert_eq!((status, answer["error"]["code"].as_i64()), (413, Some(-32005)));
}

#[tokio::test]
async fn other_methods_and_media_types_are_explained() {
    let node = Node::start().await;
    let http = reqwest::Client::new();
    for (request, status, word) in [
        (http.get(&node.url), 405, "POST"),
        (http.post(&node.url).body("{}"), 415, "Content-Type"),
        (http.get(format!("{}/nowhere", node.url)), 404, "/objects/{path}"),
        (http.patch(format!("{}/objects/a", node.url)), 400, "PUT, GET"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        let failure = Failure::from_json(&response.bytes().await.unwrap()).unwrap();
        assert!(failure.message.contains(word), "{failure}");
    }
}

#[tokio::test]
async fn each_call_of_a_batch_is_judged_by_itself() {
    let node = Node::start().await;
    let calls = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "net_version", "params": [] },
        { "jsonrpc": "2.0", "id": 2, "method": "storage_rm", "params": ["a"] },
        { "jsonrpc": "2.0", "id": 3, "method": "no_such" },
        { "jsonrpc": "2.0", "id": 4, "method": "node_metrics" },
        { "jsonrpc": "2.0", "method": "node_send", "params": [{ "to": RICH, "amount": "1" }] },
        { "what": 1 },
        { "jsonrpc": "2.0", "id": 5, "method": "net_peerCount" },
    ]);
    let (status, answers) = node.post(calls.to_string()).await;
    let codes: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["error"]["code"].as_i64()).collect();
    assert_eq!(status, 200);
    assert_eq!(codes, [None, Some(-32050), Some(-32601), Some(-32603), Some(-32600), None]);
    assert_eq!((&answers[0]["result"], &answers[5]["result"]), (&json!("45439"), &json!("0x3")));
    assert!(node.backend.state().sent.is_empty());
}

#[tokio::test]
async fn discover_lists_every_method_and_who_may_call_it() {
    let node = Node::start().await;
    let (_, answer) = node.post(json!({ "jsonrpc": "2.0", "id": 1, "method": "rpc.discover" }).to_string()).await;
    let methods = answer["result"]["methods"].as_array().unwrap();
    assert_eq!(methods.len(), 21 + 3 + 2 + 7 + 5 + 4 + 1);
    for method in methods {
        assert!(!method["summary"].as_str().unwrap().is_empty(), "{method}");
    }
    let closed: Vec<&str> =
        methods.iter().filter(|m| m["x-needs-token"] == true).map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(
        closed,
        [
            "node_send",
            "storage_datasets",
            "storage_ls",
            "storage_restore",
            "storage_rm",
            "storage_stat",
            "storage_verify",
            "supplier_declareFault",
            "supplier_exit",
            "supplier_price",
            "supplier_register",
            "supplier_status"
        ]
    );
}

#[tokio::test]
async fn a_websocket_is_held_to_the_token_and_to_sizes() {
    let node = Node::start().await;
    let ws = WsClientBuilder::default().build(node.url.replace("http", "ws")).await.unwrap();
    let refused = ws.storage_ls(None, None, None).await.unwrap_err().to_string();
    assert!(refused.contains("/data/node/token"), "{refused}");
    let huge = Bytes::from(vec![0; 2 << 20]);
    assert!(ws.web3_sha3(huge).await.is_err());
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", Node::bearer().parse().unwrap());
    let ws = WsClientBuilder::default().set_headers(headers).build(node.url.replace("http", "ws")).await.unwrap();
    assert!(ws.storage_ls(None, None, None).await.unwrap().objects.is_empty());
    assert_eq!(ws.node_status().await.unwrap().chain_id, 45439);
}
