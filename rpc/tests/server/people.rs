//! Who may do what: with and without the token, from where, and how many at once.

use alloy_primitives::Address;
use bitdust_rpc::{
    Code, Failure, Token,
    api::{NodeClient, StorageClient, SupplierClient},
    client::{Client, Error},
    types::{node::SendRequest, supplier::RegisterRequest},
};
use bitdust_types::{Amount, DatasetId};
use jsonrpsee_ws_client::WsClientBuilder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::backend::Node;

/// Every guarded method with this client: its name and how the call ended.
async fn guarded(client: &Client) -> Vec<(&'static str, Option<Code>)> {
    let ended = |error: Option<jsonrpsee::core::ClientError>| match error.map(|error| client.explain(error)) {
        None => None,
        Some(Error::Failure(failure)) => Some(failure.code),
        Some(other) => panic!("{other}"),
    };
    let coins = SendRequest { to: Address::repeat_byte(1), amount: Amount::from_grains(9), wait: false };
    vec![
        ("node_send", ended(client.node_send(coins).await.err())),
        ("storage_datasets", ended(client.storage_datasets().await.err())),
        ("storage_ls", ended(client.storage_ls(None, None, None).await.err())),
        ("storage_rm", ended(client.storage_rm("a".to_owned()).await.err())),
        ("storage_stat", ended(client.storage_stat("a".to_owned()).await.err())),
        ("storage_verify", ended(client.storage_verify("a".to_owned()).await.err())),
        ("supplier_register", ended(client.supplier_register(RegisterRequest::default()).await.err())),
        ("supplier_status", ended(client.supplier_status().await.err())),
        ("supplier_price", ended(client.supplier_price(Amount::from_grains(1), None).await.err())),
        ("supplier_declareFault", ended(client.supplier_declare_fault(DatasetId([0; 32]), 1).await.err())),
        ("supplier_exit", ended(client.supplier_exit().await.err())),
    ]
}

#[tokio::test]
async fn whatever_spends_changes_or_is_private_needs_the_token() {
    let node = Node::start().await;
    let wrong = Client::connect(&node.url, Some(&Token::from_bytes([1; 32]))).await.unwrap();
    for client in [node.stranger().await, wrong] {
        for (method, code) in guarded(&client).await {
            assert_eq!(code, Some(Code::Unauthorized), "{method}");
        }
    }
    {
        let state = node.backend.state();
        assert!(state.sent.is_empty() && state.offer.is_none());
    }
    for (method, code) in guarded(&node.owner().await).await {
        assert_ne!(code, Some(Code::Unauthorized), "{method}");
    }
    assert_eq!(node.backend.state().sent.len(), 1);
}

#[tokio::test]
async fn a_missing_token_is_told_where_to_find_it() {
    let node = Node::start().await;
    let coins = SendRequest { to: Address::ZERO, amount: Amount::ZERO, wait: false };
    let stranger = node.stranger().await;
    let message = stranger.explain(stranger.node_send(coins).await.unwrap_err()).to_string();
    for word in ["node_send", "/data/node/token", "Authorization: Bearer", "carries none"] {
        assert!(message.contains(word), "'{word}' is not in '{message}'");
    }
}

/// One request with these headers beside the body; answers the status.
async fn knock(node: &Node, headers: &[(&str, &str)]) -> (u16, reqwest::header::HeaderMap) {
    let mut request = reqwest::Client::new().post(&node.url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.body(r#"{"jsonrpc":"2.0","id":1,"method":"net_version"}"#).send().await.unwrap();
    (response.status().as_u16(), response.headers().clone())
}

#[tokio::test]
async fn foreign_pages_and_rebound_names_are_refused() {
    let node = Node::start().await;
    let cors = |headers: &reqwest::header::HeaderMap| headers.contains_key("access-control-allow-origin");
    for (headers, status, readable) in [
        (&[][..], 200, false),
        (&[("origin", "http://127.0.0.1:8180")][..], 200, true),
        (&[("origin", "https://evil.example")][..], 403, false),
        (&[("origin", "null")][..], 403, false),
        (&[("origin", "chrome-extension://abc")][..], 200, false),
        (&[("host", "evil.example:8545")][..], 403, false),
        (&[("host", "localhost:1")][..], 200, false),
    ] {
        let (got, answer) = knock(&node, headers).await;
        assert_eq!((got, cors(&answer)), (status, readable), "{headers:?}");
    }
    let mut headers = http::HeaderMap::new();
    headers.insert("origin", "https://evil.example".parse().unwrap());
    let ws = WsClientBuilder::default().set_headers(headers).build(node.url.replace("http", "ws")).await;
    assert!(ws.unwrap_err().to_string().contains("403"));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_and_room_comes_back() {
    let node = Node::start_with(|config| config.limits.connections_max = 2).await;
    let address = node.handle.local_addr();
    let request = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(request).await.unwrap();
        let mut start = [0; 12];
        socket.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 404");
        held.push(socket);
    }
    let mut one_more = TcpStream::connect(address).await.unwrap();
    let mut answer = String::new();
    one_more.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let failure = Failure::from_json(body.as_bytes()).unwrap();
    assert!(failure.message.contains("try again"), "{failure}");
    assert!(answer.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    drop(held);
    // The server notices closed connections by and by; asked often enough, it has room again.
    while Client::connect(&node.url, None).await.is_err() {
        tokio::task::yield_now().await;
    }
    node.handle.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn no_node_and_a_taken_port_are_named() {
    let node = Node::start().await;
    let address = node.handle.local_addr();
    let taken = bitdust_rpc::start(
        bitdust_rpc::Config { listen: address, ..Default::default() },
        Token::from_bytes([0; 32]),
        bitdust_rpc::Modules::new("x"),
        bitdust_rpc::Backends::default(),
    );
    let message = taken.await.err().unwrap().to_string();
    assert!(message.contains(&address.to_string()), "{message}");
    node.handle.stop().await;
    let message = Client::connect(&format!("http://{address}"), None).await.unwrap_err().to_string();
    assert!(message.contains(&address.to_string()) && message.contains("is it running"), "{message}");
    for url in ["", "nonsense", "ftp://127.0.0.1"] {
        assert!(Client::connect(url, None).await.is_err(), "{url}");
    }
}
