//! A supplier from offer to pay: real bytes, real proofs, verdicts in blocks, and what is refused.

use alloy_primitives::{Address, TxKind, U256};
use alloy_sol_types::{SolCall, SolEvent};
use bitdust_proof::{Answer, BlobHasher, Outboard, SumTree, SupplierProof, blob};
use bitdust_types::{DatasetId, Epoch, Root, signing, system};

use super::super::*;
use crate::{
    market::{Hold, IMarket, MarketView, hold_digest},
    pool::ProofLane,
    testing::{TestChain, account, key},
};

/// A supplier's disk: one slot of three blobs.
struct Disk {
    blobs: Vec<(Vec<u8>, Root, Outboard)>,
    tree: SumTree,
}

impl Disk {
    fn new(seed: u8) -> Self {
        let blobs: Vec<_> = [70_000, 1, 2_500]
            .into_iter()
            .map(|len: usize| {
                let bytes: Vec<u8> = (0..len).map(|at| (at as u8).wrapping_mul(seed | 1)).collect();
                let mut hasher = BlobHasher::new();
                hasher.update(&bytes);
                let (root, _, outboard) = hasher.finish();
                (bytes, root, outboard)
            })
            .collect();
        let leaves: Vec<_> = blobs.iter().map(|(bytes, root, _)| (*root, bytes.len() as u64)).collect();
        Disk { tree: SumTree::new(&leaves).unwrap(), blobs }
    }

    fn answer(&self, offset_in_slot: u64) -> Answer {
        let (index, offset, sum) = self.tree.prove(offset_in_slot).unwrap();
        let (bytes, root, outboard) = &self.blobs[index];
        let chunk = blob::prove_chunk(outboard, bytes.len() as u64, offset, |at, buffer| {
            buffer.copy_from_slice(&bytes[at as usize..at as usize + buffer.len()]);
            Ok(())
        });
        Answer::Hit { leaf_root: *root, leaf_len: bytes.len() as u64, sum, chunk: chunk.unwrap() }
    }
}

const SUPPLIERS: [u64; 2] = [5, 6];
const OWNER: u64 = 1;
const DUST: u128 = bitdust_types::amount::GRAINS_PER_DUST;

fn send(chain: &TestChain, from: u64, ahead: u64, value: u128, input: Vec<u8>) -> CheckedTx {
    chain.tx(from, ahead, TxKind::Call(system::MARKET), U256::from(value), input.into())
}

/// A chain on which both suppliers hold a slot of one dataset, at the start of epoch 1.
fn market() -> (TestChain, [Disk; 2], DatasetId) {
    let mut chain = TestChain::new();
    let mut txs = Vec::new();
    for supplier in SUPPLIERS {
        let offer = IMarket::Offer {
            pricePerGibEpoch: DUST,
            egressPerGib: 1,
            capacityBytes: 1 << 40,
            maxTermEpochs: 1000,
            validUntil: 100_000,
            operator: B256::repeat_byte(supplier as u8),
            region: "eu".into(),
            peerId: vec![supplier as u8; 38].into(),
        };
        txs.push(send(&chain, supplier, 0, 0, IMarket::registerOfferCall { offer }.abi_encode()));
        txs.push(send(&chain, supplier, 1, 100 * DUST, IMarket::depositCollateralCall {}.abi_encode()));
    }
    let params = IMarket::CreateParams {
        owner: account(OWNER),
        k: 1,
        n: 2,
        visibility: 0,
        termEpochs: 20,
        priceCap: DUST,
        salt: 1,
    };
    txs.push(send(&chain, OWNER, 0, 10 * DUST, IMarket::createDatasetCall { params }.abi_encode()));
    succeed(&mut chain, txs);
    let id = MarketView::new(&chain.state, &chain.params).datasets_of(account(OWNER)).unwrap()[0];
    let disks = [Disk::new(3), Disk::new(7)];
    let holds = (0u16..).zip(&disks).map(|(slot, disk)| hold(&chain, id, slot, disk)).collect();
    let revise = IMarket::reviseCall {
        dataset: id.into(),
        number: 1,
        bytesPerSlot: disks[0].tree.total(),
        head: B256::repeat_byte(1),
        roots: disks.iter().map(|disk| disk.tree.root().into()).collect(),
        holds,
    };
    let tx = send(&chain, OWNER, 0, 0, revise.abi_encode());
    succeed(&mut chain, vec![tx]);
    go_to(&mut chain, 30);
    (chain, disks, id)
}

fn hold(chain: &TestChain, id: DatasetId, slot: u16, disk: &Disk) -> IMarket::HoldSig {
    let supplier = SUPPLIERS[usize::from(slot)];
    let hold = Hold {
        dataset: id.into(),
        slot,
        number: 1,
        bytesHeld: disk.tree.total(),
        root: disk.tree.root().into(),
        rate: DUST,
        validUntil: 1000,
    };
    let signature = signing::sign(&key(supplier), hold_digest(chain.params.chain_id, &hold)).unwrap();
    IMarket::HoldSig {
        slot,
        supplier: account(supplier),
        rate: DUST,
        validUntil: 1000,
        signature: signature.to_vec().into(),
    }
}

fn succeed(chain: &mut TestChain, txs: Vec<CheckedTx>) -> Vec<Receipt> {
    let count = txs.len();
    let (block, outcome) = chain.advance(txs, vec![]);
    assert_eq!(block.txs.len(), count, "all transactions are included");
    for receipt in &outcome.receipts {
        assert!(receipt.success, "{}", crate::market::explain(&receipt.output).unwrap_or_default());
    }
    outcome.receipts
}

/// Empty blocks until `height` is the next.
fn go_to(chain: &mut TestChain, height: u64) {
    while chain.head.height + 1 < height {
        chain.advance(vec![], vec![]);
    }
}

/// The proof of supplier 0 or 1; samples for which `lost` holds are answered by a miss.
fn prove(chain: &TestChain, which: usize, disk: &Disk, epoch: u64, lost: impl Fn(usize) -> bool) -> Prove {
    let view = MarketView::new(&chain.state, &chain.params);
    let samples = view.samples(account(SUPPLIERS[which]), Epoch(epoch)).unwrap().unwrap();
    let answer = |(number, sample): (usize, &crate::market::Sample)| {
        if lost(number) { Answer::Miss } else { disk.answer(sample.offset_in_slot) }
    };
    let proof = SupplierProof { answers: samples.iter().enumerate().map(answer).collect() };
    Prove::sign(&chain.params, &key(SUPPLIERS[which]), epoch, proof.encode().into()).unwrap()
}

#[test]
fn proofs_are_recorded_and_paid() {
    let (mut chain, disks, id) = market();
    let supply = chain.supply();
    go_to(&mut chain, 39);
    let proofs: Vec<Prove> = (0..2).map(|which| prove(&chain, which, &disks[which], 1, |_| false)).collect();
    let mut lane = ProofLane::default();
    for proof in &proofs {
        let checked = admit_proof(&chain.state, &chain.params, &chain.head, proof.clone()).unwrap();
        assert!(checked.failed().is_empty());
        lane.insert(checked.clone()).unwrap();
        assert!(matches!(lane.insert(checked), Err(Invalid::ProofTwice { .. })));
    }
    let best = lane.best(Epoch(1), 32);
    assert_eq!(best, proofs);
    let (block, outcome) = chain.advance(vec![], best);
    assert_eq!(block.proofs.len(), 2);
    lane.on_block(Epoch(1), &outcome.receipts);
    assert!(lane.is_empty());
    for (proof, receipt) in proofs.iter().zip(&outcome.receipts) {
        assert_eq!((receipt.kind, receipt.tx_hash, receipt.gas_used), (ReceiptKind::System, proof.hash(), 0));
        assert_eq!((receipt.from, receipt.to), (proof.supplier, Some(system::MARKET)));
        assert_eq!(receipt.logs[0].topics()[0], IMarket::Proved::SIGNATURE_HASH);
    }
    assert_eq!(chain.supply(), supply);

    go_to(&mut chain, 60);
    let before = chain.balance(account(SUPPLIERS[0]));
    let shares = chain.balance(system::SHARES);
    let settle = send(&chain, OWNER, 0, 0, IMarket::settleCall { dataset: id.into() }.abi_encode());
    let receipts = succeed(&mut chain, vec![settle]);
    // floor(rate × bytes × 1 epoch / GiB), one part in 100 of it for Shares.
    let pay = DUST * u128::from(disks[0].tree.total()) / (1 << 30);
    let fee = pay / 100;
    assert_eq!(chain.balance(account(SUPPLIERS[0])) - before, U256::from(pay - fee));
    let base_fees = u128::from(receipts[0].gas_used) * u128::from(chain.head.base_fee);
    assert_eq!(chain.balance(system::SHARES) - shares, U256::from(2 * fee + base_fees));
    assert_eq!(chain.supply(), supply);
}

#[test]
fn misses_are_judged_from_the_bytes_by_all() {
    let (mut chain, disks, _) = market();
    go_to(&mut chain, 39);
    let lossy = prove(&chain, 0, &disks[0], 1, |number| number % 8 == 3);
    let (block, outcome) = chain.build(vec![], vec![lossy.clone()]).unwrap();
    assert_eq!(block.proofs[0].failed, vec![3, 11, 19, 27]);
    assert!(outcome.receipts[0].logs.iter().any(|log| log.topics()[0] == IMarket::SampleFailed::SIGNATURE_HASH));
    // Verdicts that flatter, or accuse, are refused even with matching roots.
    for claim in [vec![], vec![3, 11, 19], vec![3, 11, 19, 27, 30]] {
        let mut lie = block.clone();
        lie.proofs[0].failed = claim.clone();
        lie.header.proofs_root = block::proofs_root(&lie.proofs);
        let error = apply(&chain.ctx(), &lie).unwrap_err();
        let expected = Invalid::ProofVerdict { supplier: account(5), expected: vec![3, 11, 19, 27], found: claim };
        assert_eq!(error, expected.into());
    }
    // Somebody else's bytes are no answer.
    let swapped = prove(&chain, 0, &disks[1], 1, |_| false);
    let (block, _) = chain.build(vec![], vec![swapped]).unwrap();
    assert_eq!(block.proofs[0].failed.len(), 32);
}

#[test]
fn proofs_out_of_place_are_refused() {
    let (mut chain, disks, _) = market();
    let refused = |chain: &TestChain, prove: &Prove, verdict: fn(&Invalid) -> bool| {
        match admit_proof(&chain.state, &chain.params, &chain.head, prove.clone()) {
            Err(Error::Invalid(error)) => assert!(verdict(&error), "{error}"),
            other => panic!("{other:?}"),
        }
        let (block, _) = chain.build(vec![], vec![prove.clone()]).unwrap();
        assert!(block.proofs.is_empty(), "a proposer leaves it out");
        let mut forced = block;
        forced.proofs = vec![JudgedProof { prove: prove.clone(), failed: vec![] }];
        forced.header.proofs_root = block::proofs_root(&forced.proofs);
        match apply(&chain.ctx(), &forced) {
            Err(Error::Invalid(error)) => assert!(verdict(&error), "{error}"),
            other => panic!("{other:?}"),
        }
    };
    // Block 38 has index 8: the seed is known, the window isn't open.
    go_to(&mut chain, 38);
    refused(&chain, &prove(&chain, 0, &disks[0], 1, |_| false), |e| {
        matches!(e, Invalid::ProofWindow { epoch: 1, height: 38, first: 39, last: 58 })
    });
    go_to(&mut chain, 39);
    let good = prove(&chain, 0, &disks[0], 1, |_| false);
    let early = Prove::sign(&chain.params, &key(5), 2, good.proof.clone()).unwrap();
    refused(&chain, &early, |e| matches!(e, Invalid::ProofWindow { epoch: 2, height: 39, first: 69, .. }));
    refused(&chain, &Prove { supplier: account(6), ..good.clone() }, |e| *e == Invalid::ProofSignature(account(6)));
    let nothing = Prove::sign(&chain.params, &key(9), 1, good.proof.clone()).unwrap();
    refused(&chain, &nothing, |e| matches!(e, Invalid::ProofNothing { epoch: 1, .. }));
    let mut short = SupplierProof::decode(&good.proof).unwrap();
    short.answers.pop();
    let short = Prove::sign(&chain.params, &key(5), 1, short.encode().into()).unwrap();
    refused(&chain, &short, |e| *e == Invalid::ProofAnswers { expected: 32, found: 31 });
    let twice = chain.build(vec![], vec![good.clone(), good.clone()]).unwrap().0;
    assert_eq!(twice.proofs.len(), 1, "one per supplier and epoch");
    chain.advance(vec![], vec![good.clone()]);
    refused(&chain, &good, |e| matches!(e, Invalid::ProofRefused { .. }));
    go_to(&mut chain, 59);
    let late = prove(&chain, 1, &disks[1], 1, |_| false);
    refused(&chain, &late, |e| matches!(e, Invalid::ProofWindow { height: 59, .. }));
}

#[test]
fn only_a_suppliers_own_proof_is_called_early() {
    let (mut chain, disks, _) = market();
    let refusal = |chain: &TestChain, prove: Prove| match admit_proof(&chain.state, &chain.params, &chain.head, prove) {
        Err(Error::Invalid(error)) => error,
        other => panic!("{other:?}"),
    };
    let empty = bitdust_types::Bytes::from(SupplierProof::default().encode());
    // Before the seed of the epoch is known, and between that and its window.
    for height in [33, 38] {
        go_to(&mut chain, height);
        for epoch in [1, 2, u64::MAX] {
            let own = Prove::sign(&chain.params, &key(5), epoch, empty.clone()).unwrap();
            let early = refusal(&chain, own.clone());
            assert!(matches!(early, Invalid::ProofWindow { height: at, first, .. } if at < first), "{early}");
            // These waited for the window like honest ones, and could not be told from them.
            let forged = Prove { supplier: account(6), ..own.clone() };
            assert_eq!(refusal(&chain, forged), Invalid::ProofSignature(account(6)));
            let garbage = Prove::sign(&chain.params, &key(5), epoch, vec![0xff; 9].into()).unwrap();
            let malformed = refusal(&chain, garbage);
            assert!(matches!(malformed, Invalid::Malformed { .. }), "{malformed}");
            let strangers = Prove::sign(&chain.params, &key(9), epoch, empty.clone()).unwrap();
            assert_eq!(refusal(&chain, strangers), Invalid::ProofNothing { supplier: account(9), epoch });
        }
    }
    go_to(&mut chain, 39);
    let good = prove(&chain, 0, &disks[0], 1, |_| false);
    admit_proof(&chain.state, &chain.params, &chain.head, good).unwrap();
}

#[test]
fn a_block_carries_no_more_proofs_than_it_may() {
    let (mut chain, disks, _) = market();
    go_to(&mut chain, 39);
    let good = prove(&chain, 0, &disks[0], 1, |_| false);
    let (mut block, _) = chain.build(vec![], vec![good]).unwrap();
    block.proofs = vec![block.proofs[0].clone(); PROOFS_PER_BLOCK_MAX + 1];
    let error = apply(&chain.ctx(), &block).unwrap_err();
    assert!(matches!(error, Error::Invalid(Invalid::Size { .. })), "{error}");
    let _: Address = account(5);
}
