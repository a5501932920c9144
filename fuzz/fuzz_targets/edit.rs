//! Signed edits of a place, and what replicas say to each other about them.

#![no_main]

use bitdust_fuzz::{edits, honest::site::SITE, memory};
use bitdust_world::edits::{Message, Op, Secp256k1, Session, limits};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let mut graph = SITE.graph.clone();
    let before = graph.state_hash();
    if input.arbitrary()? {
        let honest = input.choose(&SITE.ops)?.encode();
        let bytes = edits::foreign(&honest, input)?;
        let Ok(op) = memory::for_input(bytes.len(), || Op::decode(&bytes)) else { return Ok(()) };
        assert!(op.encode() == bytes, "an edit has one encoding");
        let Ok(checked) = op.check(&Secp256k1) else { return Ok(()) };
        // Without anybody's key no new edit can be made that counts.
        let _ = graph.insert(checked);
    } else {
        let honest = input.choose(&SITE.messages())?.encode();
        let bytes = edits::foreign(&honest, input)?;
        let Ok(message) = memory::for_input(bytes.len(), || Message::decode(&bytes)) else { return Ok(()) };
        assert!(message.encode() == bytes, "a message has one encoding");
        if let Ok(reaction) = Session::default().handle(&mut graph, &Secp256k1, message) {
            assert!(reaction.send.len() <= 2, "one message is answered by {}", reaction.send.len());
            for answer in reaction.send {
                assert!(answer.encode().len() <= limits::MESSAGE_BYTES_MAX, "an answer that nobody would read");
            }
        }
    }
    assert_eq!(graph.state_hash(), before, "something changed that nobody signed");
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
