//! Who may knock: the Host and Origin headers, and what a request shows of the token.
//!
//! The fault: any web page can make its visitor's browser send requests to a server on loopback. A page's own requests
//! carry its Origin. A page that has its *name* resolve to 127.0.0.1 (DNS rebinding) looks like the same origin to the
//! browser, but its name then stands in the Host header. The cure: a Host that is a name must be `localhost` or listed
//! (an IP address can't be rebound), and an Origin, if there is one, must be listed, be this very server, or belong to
//! a browser extension, which is how wallets call and what no page can forge.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Uri, header};

use super::{Config, Shared, routes::answer};
use crate::failure::{Code, Failure};

/// Schemes under which browsers run extensions.
const EXTENSIONS: [&str; 3] = ["chrome-extension://", "moz-extension://", "safari-web-extension://"];

/// Refuses foreign pages, and notes for those behind it what the request shows of the token.
pub async fn pass(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    if let Err(failure) = check(&shared.config, request.uri(), request.headers()) {
        tracing::debug!(%failure, "refused a request");
        return answer(&failure).into_response();
    }
    let shown = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let access = shared.token.access(shown);
    request.extensions_mut().insert(access);
    next.run(request).await
}

fn check(config: &Config, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
    let host = match (uri.authority(), headers.get(header::HOST)) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().unwrap_or_default(),
        (None, None) => "",
    };
    if !host_is_ours(config, host) {
        let what = format!("this server does not answer to the host '{}'", host.escape_debug());
        let todo = "call it by IP address or as localhost, or add the name to rpc_hosts in the node's config.toml";
        return Err(Failure::new(Code::Forbidden, what, todo));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let origin = origin.to_str().unwrap_or_default();
        if origins.next().is_some() || !origin_may_call(config, host, origin) {
            let what = format!("the web page '{}' may not call this server", origin.escape_debug());
            let todo = "if it is yours, add it to rpc_origins in the node's config.toml";
            return Err(Failure::new(Code::Forbidden, what, todo));
        }
    }
    Ok(())
}

fn host_is_ours(config: &Config, host: &str) -> bool {
    let name = without_port(host);
    let bare = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || config.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

/// Cuts a port off, but not the tail of an IPv6 address.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => {
            let in_brackets = name.starts_with('[') == name.ends_with(']');
            if in_brackets { name } else { host }
        }
        _ => host,
    }
}

fn origin_may_call(config: &Config, host: &str, origin: &str) -> bool {
    EXTENSIONS.iter().any(|scheme| origin.starts_with(scheme))
        || config.origins.iter().any(|listed| listed == origin)
        || origin.strip_prefix("http://").is_some_and(|own| own.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn verdict(host: &str, origin: Option<&str>) -> bool {
        let config = Config {
            hosts: vec!["node.example".to_owned()],
            origins: vec!["http://127.0.0.1:8180".to_owned()],
            ..Config::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        check(&config, &Uri::from_static("/"), &headers).is_ok()
    }

    #[test]
    fn a_rebound_name_is_refused_and_an_address_is_not() {
        for host in
            ["127.0.0.1:8545", "localhost:8545", "LOCALHOST", "[::1]:8545", "[::1]", "10.1.2.3", "node.example:1"]
        {
            assert!(verdict(host, None), "{host}");
        }
        for host in [
            "",
            "evil.example:8545",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "node.example.",
            ":8545",
            "127.0.0.1@evil.example",
            "evil.example:80:8545",
            "[evil]:1",
        ] {
            assert!(!verdict(host, None), "{host}");
        }
    }

    #[test]
    fn a_foreign_page_is_refused_and_a_wallet_is_not() {
        let host = "127.0.0.1:8545";
        for origin in
            ["http://127.0.0.1:8180", "http://127.0.0.1:8545", "chrome-extension://abcdef", "moz-extension://a-b"]
        {
            assert!(verdict(host, Some(origin)), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://127.0.0.1",
            "http://127.0.0.1:8181",
            "https://evil.example",
            "http://localhost:8545",
            "https://127.0.0.1:8180",
            "http://127.0.0.1:8180.evil.example",
        ] {
            assert!(!verdict(host, Some(origin)), "{origin}");
        }
    }

    #[test]
    fn who_is_refused_is_told_the_setting() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("node.example"));
        let refused =
            |headers: &HeaderMap| check(&Config::default(), &Uri::from_static("/"), headers).unwrap_err().to_string();
        assert!(refused(&headers).contains("rpc_hosts"), "{}", refused(&headers));
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:8545"));
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://page.example"));
        assert!(refused(&headers).contains("rpc_origins"), "{}", refused(&headers));
    }

    #[test]
    fn the_absolute_form_of_a_request_is_held_to_its_own_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1"));
        let uri = Uri::from_static("http://evil.example/");
        assert!(check(&Config::default(), &uri, &headers).is_err());
        assert!(check(&Config::default(), &Uri::from_static("/"), &HeaderMap::new()).is_err());
    }
}
