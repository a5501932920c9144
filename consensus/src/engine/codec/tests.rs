//! Every form comes back as it went, and no foreign bytes get past a bound or into a panic.

use malachitebft_app_channel::app::streaming::StreamId;
use malachitebft_core_types::{
    NilOrVal, PolkaSignature, RoundCertificate, RoundCertificateType, RoundSignature, SignedMessage, Validity, VoteType,
};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::engine::{
    context::{Proposal, Value, Vote},
    part::Heading,
};

fn signature() -> impl Strategy<Value = Signature> {
    vec(any::<u8>(), 65).prop_map(|bytes| Signature(bytes.try_into().unwrap()))
}

fn account() -> impl Strategy<Value = Account> {
    any::<[u8; 20]>().prop_map(Account)
}

fn id() -> impl Strategy<Value = Id> {
    any::<[u8; 32]>().prop_map(Id)
}

fn height() -> impl Strategy<Value = Height> {
    (0..=HEIGHT_MAX).prop_map(Height)
}

fn round() -> impl Strategy<Value = Round> {
    (1..=ROUND_MAX).prop_map(Round::new)
}

fn choice() -> impl Strategy<Value = NilOrVal<Id>> {
    proptest::option::of(id()).prop_map(|id| id.map_or(NilOrVal::Nil, NilOrVal::Val))
}

fn kind() -> impl Strategy<Value = VoteType> {
    any::<bool>().prop_map(|first| if first { VoteType::Prevote } else { VoteType::Precommit })
}

fn vote() -> impl Strategy<Value = SignedVote<Bft>> {
    (kind(), height(), round(), choice(), account(), signature()).prop_map(
        |(kind, height, round, value, voter, signature)| {
            SignedMessage::new(Vote { kind, height, round, value, voter }, signature)
        },
    )
}

fn proposal() -> impl Strategy<Value = SignedProposal<Bft>> {
    (height(), round(), id(), any::<bool>(), account(), signature()).prop_map(
        |(height, round, id, again, proposer, signature)| {
            let pol_round = if again { Round::new(round.as_u32().unwrap() - 1) } else { Round::Nil };
            SignedMessage::new(Proposal { height, round, value: Value(id), pol_round, proposer }, signature)
        },
    )
}

fn polka() -> impl Strategy<Value = PolkaCertificate<Bft>> {
    let signatures = vec((account(), signature()), 0..=VALIDATORS_MAX);
    (height(), round(), id(), signatures).prop_map(|(height, round, value_id, signatures)| PolkaCertificate {
        height,
        round,
        value_id,
        polka_signatures: signatures.into_iter().map(|(address, one)| PolkaSignature::new(address, one)).collect(),
    })
}

fn skip() -> impl Strategy<Value = RoundCertificate<Bft>> {
    let signatures = vec((kind(), choice(), account(), signature()), 0..=2 * VALIDATORS_MAX);
    (height(), round(), signatures).prop_map(|(height, round, signatures)| RoundCertificate {
        height,
        round,
        cert_type: RoundCertificateType::Skip,
        round_signatures: signatures
            .into_iter()
            .map(|(kind, value, voter, one)| RoundSignature::new(kind, value, voter, one))
            .collect(),
    })
}

fn part() -> impl Strategy<Value = Part> {
    let heading =
        (any::<[u8; 4]>(), height(), round(), account(), account()).prop_map(|(size, height, round, one, two)| {
            Heading {
                height: height.0,
                round: round.as_u32().unwrap(),
                pol_round: (size[0] > 100).then_some(7),
                proposer: one,
                sender: two,
                block_bytes: u32::from_le_bytes(size),
            }
        });
    (heading, any::<u16>(), 0..=PART_BYTES, signature()).prop_map(|(heading, index, bytes, signature)| Part {
        heading,
        index,
        data: vec![7; bytes],
        signature,
    })
}

fn response() -> impl Strategy<Value = sync::Response<Bft>> {
    let signatures = vec((account(), signature()), 0..12);
    let one = (vec(any::<u8>(), 0..300), height(), round(), id(), signatures).prop_map(
        |(block, height, round, value_id, signatures)| {
            let commit_signatures = signatures.into_iter();
            let certificate = ExtendedCommitCertificate {
                height,
                round,
                value_id,
                commit_signatures: commit_signatures
                    .map(|(address, one)| ExtendedCommitSignature::new(address, one, None))
                    .collect(),
            };
            sync::RawDecidedValue::new(block.into(), certificate)
        },
    );
    (height(), vec(one, 0..=BATCH_BLOCKS_MAX))
        .prop_map(|(start, values)| sync::Response::ValueResponse(sync::ValueResponse::new(start, values)))
}

/// There and back, within the bound.
fn returns<T: Form + PartialEq + std::fmt::Debug>(value: &T) -> Result<(), TestCaseError> {
    let bytes = <Wire as Codec<T>>::encode(&Wire, value).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(bytes.len() <= T::BYTES_MAX);
    let back = <Wire as Codec<T>>::decode(&Wire, bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&back, value);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn votes_and_proposals(vote in vote(), proposal in proposal()) {
        returns(&SignedConsensusMsg::Vote(vote.clone()))?;
        returns(&SignedConsensusMsg::Proposal(proposal))?;
        returns(&LivenessMsg::Vote(vote))?;
    }

    #[test]
    fn certificates_of_rounds(polka in polka(), skip in skip()) {
        returns(&polka)?;
        returns(&LivenessMsg::PolkaCertificate(polka))?;
        returns(&LivenessMsg::SkipRoundCertificate(skip))?;
    }

    #[test]
    fn parts(part in part(), sequence in any::<u64>(), stream in any::<[u8; 32]>()) {
        let stream = StreamId::new(Bytes::copy_from_slice(&stream));
        returns(&part)?;
        returns(&StreamMessage::new(stream, sequence, StreamContent::Data(part)))?;
    }

    #[test]
    fn sync_messages(response in response(), first in 0..HEIGHT_MAX, count in 0_u64..100) {
        let bytes = <Wire as Codec<sync::Response<Bft>>>::encode(&Wire, &response).unwrap();
        prop_assert_eq!(Wire.encoded_len(&response).unwrap(), bytes.len());
        returns(&response)?;
        let last = Height((first + count).min(HEIGHT_MAX));
        returns(&sync::Request::<Bft>::ValueRequest(sync::ValueRequest::new(Height(first)..=last)))?;
        let peer_id = crate::engine::node::swarm_key(&k256::ecdsa::SigningKey::from_slice(&[1; 32]).unwrap()).unwrap();
        let peer_id = malachitebft_sync::PeerId::from_bytes(&peer_id.public().to_peer_id().to_bytes()).unwrap();
        returns(&sync::Status::<Bft> { peer_id, tip_height: last, history_min_height: Height(first) })?;
    }

    #[test]
    fn logged_values(height in height(), round in round(), id in id(), proposer in account(), good in any::<bool>()) {
        let validity = if good { Validity::Valid } else { Validity::Invalid };
        returns(&ProposedValue::<Bft> { height, round, valid_round: Round::Nil, proposer, value: Value(id), validity })?;
    }

    #[test]
    fn validator_proofs(key in any::<[u8; 32]>(), peer in vec(any::<u8>(), 38..=42), signature in signature()) {
        let mut key = key.to_vec();
        key.push(2);
        returns(&ValidatorProof::<Bft>::new(key, peer, signature))?;
    }

    #[test]
    fn garbage_does_no_harm(bytes in vec(any::<u8>(), 0..600)) {
        let bytes = Bytes::from(bytes);
        let _ = <Wire as Codec<Part>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<StreamMessage<Part>>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<SignedConsensusMsg<Bft>>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<LivenessMsg<Bft>>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<ProposedValue<Bft>>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<sync::Status<Bft>>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<sync::Request<Bft>>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<sync::Response<Bft>>>::decode(&Wire, bytes.clone());
        let _ = <Wire as Codec<ValidatorProof<Bft>>>::decode(&Wire, bytes);
    }
}

/// The decoder's complaint.
fn refused<T: Form + std::fmt::Debug>(value: &T) -> String {
    let bytes = Bytes::from(value.write().unwrap());
    <Wire as Codec<T>>::decode(&Wire, bytes).expect_err("must be refused").to_string()
}

fn sample_vote(height: u64, round: Round) -> SignedConsensusMsg<Bft> {
    let vote =
        Vote { kind: VoteType::Prevote, height: Height(height), round, value: NilOrVal::Nil, voter: Account([1; 20]) };
    SignedConsensusMsg::Vote(SignedMessage::new(vote, Signature([0; 65])))
}

#[test]
fn places_that_the_engine_can_not_count_are_refused() {
    assert!(refused(&sample_vote(1, Round::Nil)).contains("round"));
    assert!(refused(&sample_vote(1, Round::new(u32::MAX))).contains("round"));
    assert!(refused(&sample_vote(u64::MAX, Round::new(0))).contains("height"));
    let request = sync::Request::<Bft>::ValueRequest(sync::ValueRequest::new(Height(0)..=Height(u64::MAX)));
    assert!(refused(&request).contains("height"));
    let empty = sync::Request::<Bft>::ValueRequest(sync::ValueRequest::new(Height(5)..=Height(4)));
    assert!(refused(&empty).contains("no heights"));
    let proposal = Proposal {
        height: Height(1),
        round: Round::new(1),
        value: Value(Id([0; 32])),
        pol_round: Round::new(1),
        proposer: Account([0; 20]),
    };
    let proposal = SignedConsensusMsg::Proposal(SignedMessage::new(proposal, Signature([0; 65])));
    assert!(refused(&proposal).contains("can't follow"));
}

#[test]
fn too_much_is_refused() {
    let signature = PolkaSignature::<Bft>::new(Account([0; 20]), Signature([0; 65]));
    let polka = PolkaCertificate {
        height: Height(1),
        round: Round::new(0),
        value_id: Id([0; 32]),
        polka_signatures: vec![signature; VALIDATORS_MAX + 1],
    };
    assert!(refused(&polka).contains("votes"));
    let certificate = ExtendedCommitCertificate::<Bft> {
        height: Height(1),
        round: Round::new(0),
        value_id: Id([0; 32]),
        commit_signatures: Vec::new(),
    };
    let value = sync::RawDecidedValue::new(Bytes::new(), certificate);
    let response = sync::ValueResponse::new(Height(1), vec![value; BATCH_BLOCKS_MAX + 1]);
    assert!(refused(&sync::Response::ValueResponse(response)).contains("blocks in one answer"));
    let long = Bytes::from(vec![0; PART_WIRE_BYTES_MAX + 1]);
    assert!(<Wire as Codec<Part>>::decode(&Wire, long).unwrap_err().to_string().contains("at most"));
    let end = StreamMessage::<Part>::new(StreamId::new(Bytes::from_static(&[0; 32])), 3, StreamContent::Fin);
    assert!(refused(&end).contains("end of a stream"));
}

#[test]
fn a_length_that_lies_costs_nothing() {
    // A vector that claims four billion entries.
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    assert!(<Wire as Codec<sync::Response<Bft>>>::decode(&Wire, bytes.into()).is_err());
}
