//! Objects over HTTP: whole, by range, in batches, with our client and with a plain one; and what is refused.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bitdust_rpc::{
    Client, Code, Failure,
    client::{Error, LocalFile, Progress},
    objects::{At, ObjectPath, Terms},
};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::backend::{BROKEN, DATASET, Node};

fn path(text: &str) -> ObjectPath {
    ObjectPath::parse(text).unwrap()
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

fn counting() -> (Arc<AtomicU64>, Progress) {
    let count = Arc::new(AtomicU64::new(0));
    let shared = count.clone();
    (count, Arc::new(move |bytes| shared.store(bytes, Ordering::SeqCst)))
}

async fn get(client: &Client, name: &str, range: Option<(u64, u64)>) -> Result<Vec<u8>, Error> {
    let mut read = Vec::new();
    client.get_object(&path(name), &At::default(), range, &mut read, Arc::new(|_| {})).await?;
    Ok(read)
}

fn code(error: Error) -> Code {
    match error {
        Error::Failure(failure) => failure.code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_is_put_is_got_whole_and_by_range() {
    let node = Node::start().await;
    let owner = node.owner().await;
    for (name, bytes) in [("empty", 0), ("a b/ü?#%25.bin", 1), ("big", 3_000_001)] {
        let content = content(bytes);
        let (sent, progress) = counting();
        let reader = std::io::Cursor::new(content.clone());
        let report =
            owner.put_object(&path(name), reader, Some(bytes as u64), &Terms::default(), progress).await.unwrap();
        assert_eq!((report.bytes, report.dataset, report.held), (bytes as u64, DATASET, 8));
        assert_eq!(sent.load(Ordering::SeqCst), bytes as u64);
        assert_eq!(get(&owner, name, None).await.unwrap(), content, "{name}");
        assert_eq!(owner.head_object(&path(name), &At::default()).await.unwrap().bytes, bytes as u64, "{name}");
    }
    for (start, end) in [(0, 1), (5, 1_000_000), (2_999_999, 3_000_001), (0, 3_000_001), (3_000_000, 9_999_999)] {
        let expected = &content(3_000_001)[start as usize..end.min(3_000_001) as usize];
        assert_eq!(get(&owner, "big", Some((start, end))).await.unwrap(), expected, "{start}..{end}");
    }
    assert_eq!(code(get(&owner, "big", Some((3_000_001, 3_000_002))).await.unwrap_err()), Code::RangeNotSatisfiable);
    assert_eq!(code(get(&owner, "none", None).await.unwrap_err()), Code::NotFound);
    assert_eq!(owner.delete_object(&path("big")).await.unwrap().dead_bytes, 3_000_001);
    assert_eq!(code(get(&owner, "big", None).await.unwrap_err()), Code::NotFound);
}

/// GET of `public/ten`, ten bytes, with these headers: status, Content-Range and body.
async fn check(node: &Node, headers: &[(&str, &str)], status: u16, range: Option<&str>, body: &[u8]) {
    let mut request = reqwest::Client::new().get(format!("{}/objects/public/ten", node.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), status, "{headers:?}");
    let text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(text("content-range").as_deref(), range, "{headers:?}");
    if status < 300 {
        assert_eq!(text("content-length"), Some(body.len().to_string()));
        assert_eq!(text("accept-ranges").as_deref(), Some("bytes"));
        assert_eq!(text("x-content-type-options").as_deref(), Some("nosniff"));
        assert_eq!(response.bytes().await.unwrap(), body, "{headers:?}");
    }
}

#[tokio::test]
async fn the_table_of_ranges_over_http() {
    let node = Node::start().await;
    let ten = Bytes::from_static(b"0123456789");
    node.backend.state().files.insert("public/ten".to_owned(), (ten.clone(), 5));
    let head = reqwest::Client::new().head(format!("{}/objects/public/ten", node.url)).send().await.unwrap();
    let tag = head.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"10".parse().unwrap()));
    assert_eq!(head.headers()["x-bitdust-dataset"], DATASET.to_string());
    check(&node, &[], 200, None, &ten).await;
    check(&node, &[("range", "bytes=0-0")], 206, Some("bytes 0-0/10"), b"0").await;
    check(&node, &[("range", "bytes=7-")], 206, Some("bytes 7-9/10"), b"789").await;
    check(&node, &[("range", "bytes=-2")], 206, Some("bytes 8-9/10"), b"89").await;
    check(&node, &[("range", "bytes=4-400")], 206, Some("bytes 4-9/10"), b"456789").await;
    check(&node, &[("range", "bytes=10-")], 416, Some("bytes */10"), b"").await;
    check(&node, &[("range", "bytes=0-1,4-5")], 200, None, &ten).await;
    check(&node, &[("range", "bytes=0-1"), ("range", "bytes=4-5")], 200, None, &ten).await;
    check(&node, &[("range", "lines=1-2")], 200, None, &ten).await;
    check(&node, &[("range", "bytes=1-2"), ("if-range", &tag)], 206, Some("bytes 1-2/10"), b"12").await;
    check(&node, &[("range", "bytes=1-2"), ("if-range", "\"old\"")], 200, None, &ten).await;
    check(&node, &[("if-none-match", &format!("\"x\", W/{tag}"))], 304, None, b"").await;
}

#[tokio::test]
async fn strangers_read_what_is_public_and_learn_nothing_else() {
    let node = Node::start().await;
    for name in ["public/a", "private"] {
        node.backend.state().files.insert(name.to_owned(), (Bytes::from_static(b"x"), 0));
    }
    let stranger = node.stranger().await;
    assert_eq!(get(&stranger, "public/a", None).await.unwrap(), b"x");
    for name in ["private", "not/there"] {
        assert_eq!(code(get(&stranger, name, None).await.unwrap_err()), Code::Unauthorized, "{name}");
    }
    let put = stranger.put_object(&path("public/b"), &b"y"[..], Some(1), &Terms::default(), Arc::new(|_| {})).await;
    assert_eq!(code(put.unwrap_err()), Code::Unauthorized);
    // Also when there is far more to send than anyone would read.
    let endless = tokio::io::repeat(7).take(12 << 20);
    let put = stranger.put_object(&path("public/b"), endless, None, &Terms::default(), Arc::new(|_| {})).await;
    assert_eq!(code(put.unwrap_err()), Code::Unauthorized);
    assert_eq!(code(stranger.delete_object(&path("public/a")).await.unwrap_err()), Code::Unauthorized);
    assert_eq!(node.backend.state().files.len(), 2);
}

#[tokio::test]
async fn a_batch_stores_every_file_of_a_tree() {
    let node = Node::start().await;
    let owner = node.owner().await;
    let dir = tempfile::tempdir().unwrap();
    let long = "n".repeat(180);
    let mut files = Vec::new();
    for (name, bytes) in [("a", 0), ("sub/b", 512), ("sub/c", 700_001), (long.as_str(), 3)] {
        let source = dir.path().join(name);
        std::fs::create_dir_all(source.parent().unwrap()).unwrap();
        std::fs::write(&source, content(bytes)).unwrap();
        files.push(LocalFile { source, path: path(name) });
    }
    let (_, quiet) = counting();
    let report = owner.put_batch(&path("tree"), files.clone(), &Terms::default(), quiet.clone()).await.unwrap();
    assert_eq!((report.objects, report.bytes, report.revision), (4, 700_516, 1));
    assert_eq!(get(&owner, "tree/sub/c", None).await.unwrap(), content(700_001));
    assert_eq!(get(&owner, &format!("tree/{long}"), None).await.unwrap(), content(3));
    // A file that can't be read is the reason that is given, and nothing is stored.
    files.push(LocalFile { source: dir.path().join("gone"), path: path("gone") });
    let error = owner.put_batch(&path("other"), files, &Terms::default(), quiet).await.unwrap_err();
    assert!(matches!(&error, Error::Local { .. }) && error.to_string().contains("gone"), "{error}");
    assert_eq!(node.backend.state().revision, 1);
}

/// One PUT as the owner: status and words of the message.
async fn refused(node: &Node, target: &str, media_type: &str, body: Vec<u8>, status: u16, words: &[&str]) {
    let request = reqwest::Client::new().put(format!("{}{target}", node.url)).header("authorization", Node::bearer());
    let response = request.header("content-type", media_type).body(body).send().await.unwrap();
    assert_eq!(response.status().as_u16(), status, "{target}");
    let failure = Failure::from_json(&response.bytes().await.unwrap()).unwrap();
    for word in words {
        assert!(failure.message.contains(word), "'{word}' is not in '{failure}'");
    }
}

#[tokio::test]
async fn bad_puts_are_explained_and_store_nothing() {
    let node = Node::start_with(|config| config.limits.object_bytes_max = 5000).await;
    let tar = "application/x-tar";
    refused(&node, "/objects/a//b", "", vec![], 400, &["a//b", "two in a row"]).await;
    refused(&node, "/objects/a%2f..%2fb", "", vec![], 400, &["'..'"]).await;
    refused(&node, "/objects/%ff", "", vec![], 400, &["UTF-8"]).await;
    refused(&node, "/objects/a%00b", "", vec![], 400, &["control character"]).await;
    refused(&node, "/objects/dir/", "text/plain", vec![], 400, &["application/x-tar"]).await;
    refused(&node, "/objects/", "", vec![], 400, &["application/x-tar"]).await;
    refused(&node, "/objects/dir/", tar, vec![], 400, &["ends in the middle"]).await;
    refused(&node, "/objects/dir/", tar, vec![7; 1024], 400, &["checksum"]).await;
    refused(&node, "/objects/a?k=9&n=8", "", vec![], 400, &["k is more than n"]).await;
    refused(&node, "/objects/a?k=x", "", vec![], 400, &["k=x"]).await;
    refused(&node, "/objects/a?colour=red", "", vec![], 400, &["colour"]).await;
    refused(&node, "/objects/a", "", vec![0; 5001], 413, &["5001 bytes", "5000"]).await;
    assert!(node.backend.state().files.is_empty());
}

#[tokio::test]
async fn a_put_that_breaks_off_stores_nothing() {
    let node = Node::start().await;
    let mut socket = TcpStream::connect(node.handle.local_addr()).await.unwrap();
    let head = format!(
        "PUT /objects/half HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\nContent-Length: 1000\r\n\r\n",
        Node::bearer()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&[1; 500]).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // The server may answer or just hang up; either way it is done with the request when this returns.
    let _ = socket.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    node.handle.stop().await;
    assert!(node.backend.state().files.is_empty());
}

#[tokio::test]
async fn a_download_that_breaks_is_taken_up_and_a_hopeless_one_is_explained() {
    let node = Node::start().await;
    let stranger = node.stranger().await;
    // The backend gives 3000 bytes at a time before it fails; each try begins where the last one ended.
    node.backend.state().files.insert(BROKEN.to_owned(), (content(10_500).into(), 0));
    assert_eq!(get(&stranger, BROKEN, None).await.unwrap(), content(10_500));
    assert_eq!(get(&stranger, BROKEN, Some((500, 9_500))).await.unwrap(), &content(10_500)[500..9_500]);
    assert_eq!(code(get(&stranger, "public/bug", None).await.unwrap_err()), Code::Internal);
}

#[tokio::test]
async fn transfers_beyond_the_limit_are_told_so() {
    let node = Node::start_with(|config| config.limits.transfers_max = 0).await;
    let error = get(&node.owner().await, "a", None).await.unwrap_err();
    assert_eq!(code(error), Code::Unavailable);
}
