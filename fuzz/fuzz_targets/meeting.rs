//! What a stranger says over a link, before and after hello, and what a player makes of it.

#![no_main]

use bitdust_fuzz::{
    edits,
    honest::crowd::{Encounter, NAME},
    memory,
};
use bitdust_world::meeting::{Effect, Input, Message, limits};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

/// Messages of one run.
const MESSAGES_MAX: u8 = 24;

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let mut encounter = Encounter::new();
    let messages = encounter.messages();
    let mut now_ms = 0;
    for turn in 0..input.int_in_range(1..=MESSAGES_MAX)? {
        // Most runs get past the hello, which is where the rest begins to count.
        let greets = turn == 0 && !input.ratio(1, 4)?;
        let bytes =
            if greets { messages[0].to_bytes() } else { edits::foreign(&input.choose(&messages)?.to_bytes(), input)? };
        let decoded = memory::for_input(bytes.len(), || Message::decode(&bytes));
        if let Ok(message) = &decoded {
            assert!(message.to_bytes() == bytes, "a message has one encoding");
        }
        now_ms += input.int_in_range(0..=3000)?;
        let received = Input::Received(encounter.neighbour.clone(), bytes);
        let mut effects = memory::within(memory::FIXED, || encounter.crowd.handle(now_ms, received));
        effects.extend(encounter.crowd.handle(now_ms, Input::Tick));
        assert!(effects.len() <= 2 * limits::LINKS_MAX, "one message has {} effects", effects.len());
        for effect in effects {
            match effect {
                Effect::Send(_, _, bytes) => assert!(Message::decode(&bytes).is_ok(), "we say what nobody understands"),
                // A position isn't signed: it changes with every step.
                Effect::Met(_) => match &decoded {
                    Ok(Message::Hello(hello)) => {
                        let same = (hello.account, &*hello.name, hello.signature);
                        assert_eq!(same, (encounter.account, NAME, encounter.hello.signature), "somebody else is met");
                    }
                    other => panic!("met without a hello: {other:?}"),
                },
                _ => {}
            }
        }
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
