//! Small programs for the EVM, written by hand.

use alloy_primitives::{Address, Bytes};

/// How a contract calls another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    Call = 0xf1,
    CallCode = 0xf2,
    DelegateCall = 0xf4,
    StaticCall = 0xfa,
}

/// What a forwarder does after its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Returns or reverts with whatever came back.
    PassOn,
    /// Reverts although the call succeeded.
    Revert,
    /// Stops, whether the call succeeded or not.
    Ignore,
}

/// Creation code of a contract that forwards its input, and its value where the opcode can, to `target`.
pub fn forwarder(opcode: Opcode, target: Address, then: Then) -> Bytes {
    // CALLDATACOPY(0, 0, CALLDATASIZE)
    let mut code = vec![0x36, 0x60, 0, 0x60, 0, 0x37];
    // return size, return offset, input size, input offset
    code.extend([0x60, 0, 0x60, 0, 0x36, 0x60, 0]);
    if matches!(opcode, Opcode::Call | Opcode::CallCode) {
        code.push(0x34); // CALLVALUE
    }
    code.push(0x73); // PUSH20
    code.extend(target.as_slice());
    code.extend([0x5a, opcode as u8]); // GAS, the call
    code.extend([0x3d, 0x60, 0, 0x60, 0, 0x3e]); // RETURNDATACOPY(0, 0, RETURNDATASIZE)
    match then {
        Then::PassOn => {
            let success = code.len() as u8 + 7;
            code.extend([0x60, success, 0x57, 0x3d, 0x60, 0, 0xfd]); // JUMPI success; REVERT(0, RETURNDATASIZE)
            code.extend([0x5b, 0x3d, 0x60, 0, 0xf3]); // success: RETURN(0, RETURNDATASIZE)
        }
        Then::Revert => code.extend([0x3d, 0x60, 0, 0xfd]),
        Then::Ignore => code.push(0x00),
    }
    creation(&code)
}

/// Creation code that leaves `code` as the contract.
pub fn creation(code: &[u8]) -> Bytes {
    let len = u8::try_from(code.len()).unwrap();
    // CODECOPY(0, 12, len); RETURN(0, len)
    let mut init = vec![0x60, len, 0x60, 12, 0x60, 0, 0x39, 0x60, len, 0x60, 0, 0xf3];
    init.extend(code);
    init.into()
}

/// Creation code that destroys the contract being made, in its own favour.
pub fn suicide() -> Bytes {
    Bytes::from_static(&[0x30, 0xff]) // ADDRESS, SELFDESTRUCT
}

/// A contract that answers the size of another's code.
pub fn code_size_of(target: Address) -> Bytes {
    let mut code = vec![0x73];
    code.extend(target.as_slice());
    code.extend([0x3b, 0x60, 0, 0x52, 0x60, 32, 0x60, 0, 0xf3]); // EXTCODESIZE, MSTORE(0), RETURN(0, 32)
    creation(&code)
}
