//! The messages of the shard protocol, both ways.

#![no_main]

use bitdust_fuzz::{
    edits,
    honest::talk::{self, CHAIN_ID},
};
use bitdust_market::{
    access,
    wire::{HAS_ROOTS_MAX, Request, Response, bit},
};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    if input.arbitrary()? {
        let honest = borsh::to_vec(input.choose(&talk::requests())?).expect("in memory");
        let bytes = edits::foreign(&honest, input)?;
        let Ok(request) = Request::decode(&bytes) else { return Ok(()) };
        assert!(borsh::to_vec(&request).is_ok_and(|again| again == bytes), "a request has one encoding");
        if let Request::Open { dataset, slot, access: Some(token) } = &request {
            talk::look_at_access(*dataset, *slot, token);
        }
    } else {
        let honest = borsh::to_vec(input.choose(&talk::responses())?).expect("in memory");
        let bytes = edits::foreign(&honest, input)?;
        let Ok(response) = Response::decode(&bytes) else { return Ok(()) };
        assert!(borsh::to_vec(&response).is_ok_and(|again| again == bytes), "a response has one encoding");
        match &response {
            Response::Committed(hold) => {
                let _ = access::hold_signer(CHAIN_ID, hold);
            }
            Response::Has { bitmap } => assert!(!bit(bitmap, HAS_ROOTS_MAX), "more bits than roots can be asked for"),
            Response::Refused(refusal) => assert!(refusal.to_string().contains(&refusal.text)),
            _ => {}
        }
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    // Too little input is no run.
    let _ = run(&mut Unstructured::new(data));
});
