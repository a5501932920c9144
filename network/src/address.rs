//! Which addresses are worth remembering.
//!
//! A peer tells all addresses it listens on, its loopback and home network among them. An address is kept only if it
//! can mean the same machine from where we stand: what a peer calls 127.0.0.1 counts only if we reached it over
//! loopback ourselves, which is how a devnet on one machine works. An address through a relay reaches as far as the relay's.

use std::net::{Ipv4Addr, Ipv6Addr};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};

/// How far an address reaches; the order is from near to far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// This machine.
    Loopback,
    /// This site.
    Private,
    /// Everybody; names count as this.
    Public,
}

/// The scope of an address that our transports can dial, or `None`.
pub(crate) fn scope(address: &Multiaddr) -> Option<Scope> {
    let mut parts = address.iter().peekable();
    let scope = match parts.next()? {
        Part::Ip4(ip) => scope4(ip)?,
        Part::Ip6(ip) => scope6(ip)?,
        Part::Dns(_) | Part::Dns4(_) | Part::Dns6(_) => Scope::Public,
        _ => return None,
    };
    let port = match (parts.next()?, parts.peek()) {
        (Part::Tcp(port), _) => port,
        (Part::Udp(port), Some(Part::QuicV1)) => {
            parts.next();
            port
        }
        _ => return None,
    };
    let rest_is_known = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (None | Some(Part::P2p(_)), None, None, None) => true,
        // Through a relay, to the peer named last, if one is.
        (Some(Part::P2p(_)), Some(Part::P2pCircuit), None | Some(Part::P2p(_)), None) => true,
        _ => false,
    };
    (port != 0 && rest_is_known).then_some(scope)
}

fn scope4(ip: Ipv4Addr) -> Option<Scope> {
    if ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() {
        return None;
    }
    // 100.64.0.0/10 is the providers' own space (RFC 6598).
    let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
    Some(match ip {
        _ if ip.is_loopback() => Scope::Loopback,
        _ if ip.is_private() || ip.is_link_local() || shared => Scope::Private,
        _ => Scope::Public,
    })
}

fn scope6(ip: Ipv6Addr) -> Option<Scope> {
    if ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    if let Some(inner) = ip.to_ipv4_mapped() {
        return scope4(inner);
    }
    Some(match ip {
        _ if ip.is_loopback() => Scope::Loopback,
        _ if ip.is_unique_local() || ip.is_unicast_link_local() => Scope::Private,
        _ => Scope::Public,
    })
}

/// Whether an address leads through a relay.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Part::P2pCircuit)
}

/// The addresses, of those a peer claims, that mean something to a node that reached the peer at `seen_at`; without
/// the peer id, each once, at most `max`.
pub(crate) fn usable(claimed: &[Multiaddr], seen_at: Option<Scope>, max: usize) -> Vec<Multiaddr> {
    let nearest = seen_at.unwrap_or(Scope::Public);
    let mut kept: Vec<Multiaddr> = Vec::new();
    for address in claimed.iter().filter(|address| scope(address).is_some_and(|scope| scope >= nearest)) {
        let (address, _) = split(address.clone());
        if kept.len() < max && !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}

/// An address and the peer id it ends in, if it does.
pub(crate) fn split(mut address: Multiaddr) -> (Multiaddr, Option<PeerId>) {
    match address.pop() {
        Some(Part::P2p(peer)) => (address, Some(peer)),
        Some(other) => (address.with(other), None),
        None => (address, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: Option<Scope>) {
        assert_eq!(scope(&address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn scopes() {
        check("/ip4/127.0.0.1/tcp/7771", Some(Scope::Loopback));
        check("/ip4/127.0.0.1/udp/7771/quic-v1", Some(Scope::Loopback));
        check("/ip6/::1/tcp/1", Some(Scope::Loopback));
        check("/ip4/10.1.2.3/tcp/1", Some(Scope::Private));
        check("/ip4/100.64.0.1/tcp/1", Some(Scope::Private));
        check("/ip4/100.128.0.1/tcp/1", Some(Scope::Public));
        check("/ip6/fe80::1/tcp/1", Some(Scope::Private));
        check("/ip6/2a00::1/udp/9/quic-v1", Some(Scope::Public));
        check("/dns4/example.org/tcp/7771", Some(Scope::Public));
        check("/ip4/0.0.0.0/tcp/7771", None);
        check("/ip4/8.8.8.8/tcp/0", None);
        check("/ip4/8.8.8.8/udp/53", None);
        check("/ip4/8.8.8.8/tcp/80/ws", None);
        check("/memory/7", None);
        let relay = PeerId::random();
        check(&format!("/ip4/10.1.2.3/udp/9/quic-v1/p2p/{relay}/p2p-circuit"), Some(Scope::Private));
        check(&format!("/ip4/8.8.8.8/tcp/9/p2p/{relay}/p2p-circuit/p2p/{relay}"), Some(Scope::Public));
        check(&format!("/ip4/8.8.8.8/tcp/9/p2p/{relay}/p2p-circuit/p2p/{relay}/p2p-circuit"), None);
        check("/ip4/8.8.8.8/tcp/9/p2p-circuit", None);
        check(&format!("/p2p/{relay}/p2p-circuit"), None);
    }

    #[test]
    fn a_peer_far_away_cannot_point_at_our_own_machine() {
        let claimed: Vec<Multiaddr> = ["/ip4/127.0.0.1/tcp/1", "/ip4/192.168.0.9/tcp/1", "/ip4/8.8.8.8/tcp/1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        assert_eq!(usable(&claimed, Some(Scope::Loopback), 8).len(), 3);
        assert_eq!(usable(&claimed, Some(Scope::Private), 8).len(), 2);
        assert_eq!(usable(&claimed, Some(Scope::Public), 8).len(), 1);
        assert_eq!(usable(&claimed, None, 8).len(), 1);
        assert_eq!(usable(&claimed, Some(Scope::Loopback), 2).len(), 2);
    }

    #[test]
    fn split_takes_the_peer_id_off() {
        let peer = PeerId::random();
        let plain: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        assert_eq!(split(plain.clone().with(Part::P2p(peer))), (plain.clone(), Some(peer)));
        assert_eq!(split(plain.clone()), (plain, None));
    }
}
