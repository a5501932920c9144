//! The table of the stream protocols: a peer of the network that sends what it should not.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bitdust_market::wire::{AccessToken, Request, Response};
use bitdust_network::{Config, Handle, Network, PeerId, Protocol, Stream, Topic, wire};
use bitdust_rpc::api::NodeClient as _;
use bitdust_tests::{
    Net,
    waiting::{PATIENCE, until},
};
use bitdust_types::{DatasetId, Root, limits::BLOB_BYTES_MAX, limits::WIRE_MESSAGE_BYTES_MAX, params::DEVNET};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Answer;

/// What a stranger sends: messages, or bytes as they are.
enum Sent {
    Raw(Vec<u8>),
    Messages(Vec<Request>),
}

/// A row: what is wrong, what is sent, and what the refusal must say.
type Row = (&'static str, Sent, &'static [&'static str]);

pub async fn table(net: &Net, dataset: DatasetId) -> Result<Vec<Answer>> {
    let open = |access| Request::Open { dataset, slot: 0, access };
    let stranger = AccessToken { valid_until: u64::MAX, signature: [3; 65] };
    let root = Root([5; 32]);
    let long = u32::MAX.to_le_bytes().to_vec();
    let garbage = [&8_u32.to_le_bytes()[..], b"\xff garbage"].concat()[..12].to_vec();
    let mut too_many = vec![2];
    too_many.extend((1_u32 << 30).to_le_bytes());
    let counted = [&(too_many.len() as u32).to_le_bytes()[..], &too_many].concat();
    let rows: Vec<Row> = vec![
        ("garbage on a stream", Sent::Raw(garbage), &["not a valid message", "does not decode"]),
        ("a message of 4 GiB", Sent::Raw(long), &["a frame of 4294967295 bytes is over the limit of"]),
        ("a list that is not there", Sent::Raw(counted), &["does not decode"]),
        ("a request before the slot is open", Sent::Messages(vec![Request::Inventory]), &["open a slot first"]),
        (
            "a private slot without token",
            Sent::Messages(vec![open(None)]),
            &["not authorised", "the dataset is private", "token of its owner"],
        ),
        ("a token by nobody", Sent::Messages(vec![open(Some(stranger))]), &["not authorised"]),
        (
            "a dataset that is not",
            Sent::Messages(vec![Request::Open { dataset: DatasetId([9; 32]), slot: 0, access: None }]),
            &["unknown dataset"],
        ),
        ("a slot that is not", Sent::Messages(vec![Request::Open { dataset, slot: 60_000, access: None }]), &["60000"]),
        (
            "an empty range",
            Sent::Messages(vec![Request::Read { root, start: 9, end: 9 }]),
            &["the range to read is empty"],
        ),
        (
            "a range without end",
            Sent::Messages(vec![Request::Read { root, start: 0, end: u64::MAX }]),
            &["too large", "bytes to read at once is 18446744073709551615"],
        ),
        (
            "a blob without bytes",
            Sent::Messages(vec![Request::Put { root, len: 0 }]),
            &["a blob has at least one byte"],
        ),
        (
            "a blob too large",
            Sent::Messages(vec![Request::Put { root, len: BLOB_BYTES_MAX + 1 }]),
            &["too large", "above the limit of"],
        ),
    ];
    let (network, supplier) = stranger_to(net, "supplier-0", 77).await?;
    let mut answers = Vec::new();
    for (input, sent, must_say) in rows {
        let said = refusal(&network, supplier, sent).await.with_context(|| input.to_owned())?;
        answers.push(Answer { input, said, must_say });
    }
    network.stop().await?;
    Ok(answers)
}

/// Garbage where the protocol has no word for it: on the stream of blocks, which just ends, and as gossip, which the node
/// that gets it logs with the name of who forwarded it.
pub async fn garbage_without_answer(net: &Net) -> Result<()> {
    let (network, customer) = stranger_to(net, "customer-0", 78).await?;
    for garbage in [&b"\x04\0\0\0junk"[..], &[0xff; 64]] {
        let mut stream = network.open(customer, Protocol::BLOCKS).await?;
        stream.write_all(garbage).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        ensure!(ended.is_ok() && answer.is_empty(), "garbage on the stream of blocks was answered: {answer:?}");
    }
    let me = network.local_peer().to_string();
    until("a peer's garbage is noticed with its name", PATIENCE, async || {
        // Different each time, since what is known is not told again. Until the mesh stands nobody takes it.
        let garbage: Vec<u8> = rand_bytes();
        let _ = network.publish(Topic::Transactions, garbage.into()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let log = net.log("customer-0")?;
        Ok(log.lines().any(|line| line.contains("forged message") && line.contains(&me)).then_some(()))
    })
    .await?;
    network.stop().await?;
    Ok(())
}

fn rand_bytes() -> Vec<u8> {
    // The first byte is no transaction type.
    let mut bytes = vec![0x7f];
    bytes.extend(rand::random::<[u8; 32]>());
    bytes
}

/// A peer that nobody knows, connected with a node.
async fn stranger_to(net: &Net, name: &str, secret: u8) -> Result<(Handle, PeerId)> {
    let status = net.client(name)?.node_status().await?;
    let address = status.listen.iter().find(|address| address.contains("/tcp/")).context("a TCP address")?;
    let mut config = Config::new([secret; 32], DEVNET);
    config.bootstrap = vec![format!("{address}/p2p/{}", status.peer_id).parse()?];
    let (network, mut events) = Network::start(config).await?;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let peer: PeerId = status.peer_id.parse()?;
    until(&format!("a stranger is connected with {name}"), PATIENCE, async || {
        Ok(network.is_connected(peer).then_some(()))
    })
    .await?;
    Ok((network, peer))
}

/// Sends on a stream of its own, and answers the refusal's words.
async fn refusal(network: &Handle, peer: PeerId, sent: Sent) -> Result<String> {
    let mut stream = network.open(peer, Protocol::SHARD).await?;
    match sent {
        Sent::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
        }
        Sent::Messages(messages) => {
            for message in messages {
                wire::send(&mut stream, &message).await?;
            }
        }
    }
    answer(&mut stream).await
}

async fn answer(stream: &mut Stream) -> Result<String> {
    match wire::recv::<Response, _>(stream, WIRE_MESSAGE_BYTES_MAX).await? {
        Response::Refused(refusal) => Ok(refusal.to_string()),
        other => bail!("it was taken: {other:?}"),
    }
}
