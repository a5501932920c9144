//! One connection's part: passes requests for streams on to the connection, and what peers open into the inboxes.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use libp2p::{
    PeerId, Stream, StreamProtocol,
    core::upgrade::{InboundUpgrade, ReadyUpgrade, UpgradeInfo},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, ConnectionId, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use tokio::sync::mpsc;

use super::{OpenError, Request, Shared};

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Handler {
    shared: Shared,
    peer: PeerId,
    id: ConnectionId,
    requests: mpsc::Receiver<Request>,
}

impl Handler {
    pub(super) fn new(shared: Shared, peer: PeerId, id: ConnectionId, requests: mpsc::Receiver<Request>) -> Self {
        Handler { shared, peer, id, requests }
    }

    fn arrived(&self, protocol: &StreamProtocol, stream: Stream) {
        let inbox = self.shared.lock().inboxes.get(protocol).cloned();
        if inbox.is_none_or(|inbox| inbox.try_send((self.peer, stream)).is_err()) {
            tracing::debug!(peer = %self.peer, %protocol, "no room for a stream; it is dropped");
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(lines) = state.lines.get_mut(&self.peer) {
            lines.retain(|line| line.id != self.id);
            if lines.is_empty() {
                state.lines.remove(&self.peer);
            }
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Served;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Request;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        let state = self.shared.lock();
        let served = state.inboxes.iter().filter(|(_, inbox)| !inbox.is_closed());
        SubstreamProtocol::new(Served(served.map(|(protocol, _)| protocol.clone()).collect()), ())
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Request, Self::ToBehaviour>> {
        loop {
            match self.requests.poll_recv(cx) {
                // Whoever asked has gone.
                Poll::Ready(Some(request)) if request.reply.is_closed() => {}
                Poll::Ready(Some(request)) => {
                    let upgrade = ReadyUpgrade::new(request.protocol.clone());
                    let protocol = SubstreamProtocol::new(upgrade, request);
                    return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), Request>,
    ) {
        // Whoever asked may have gone meanwhile: then nobody hears the answer.
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (protocol, stream), ..
            }) => {
                self.arrived(&protocol, stream);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: stream, info: request }) => {
                let _ = request.reply.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: request, error }) => {
                let error = match error {
                    StreamUpgradeError::NegotiationFailed => OpenError::Unsupported,
                    StreamUpgradeError::Timeout => OpenError::Line("the peer didn't answer in time".to_owned()),
                    StreamUpgradeError::Io(error) => OpenError::Line(error.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                let _ = request.reply.send(Err(error));
            }
            _ => {}
        }
    }
}

/// The protocols that are served, any of which a peer may choose.
pub(crate) struct Served(Vec<StreamProtocol>);

impl UpgradeInfo for Served {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Served {
    type Output = (StreamProtocol, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}
