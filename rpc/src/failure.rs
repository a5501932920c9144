//! The errors of the API: one table of codes, one shape of message.
//!
//! Every message says *what* failed and where, and what the caller can do. Codes -32700 to -32600 are JSON-RPC's, 3 and
//! -32000 to -32005 those of Ethereum nodes (EIP-1474; 3 is what geth answers for a revert, and wallets decode its
//! data), -32050 and below are ours.

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use serde_json::{Value, json};

/// What kind of failure it is. [`Code::number`] is the JSON-RPC code, [`Code::http_status`] what an object route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is not JSON.
    Parse,
    /// JSON, but no JSON-RPC request, or an HTTP request that makes no sense here.
    InvalidRequest,
    /// No such method.
    MethodNotFound,
    /// The method's parameters are wrong.
    InvalidParams,
    /// This node failed; the caller did nothing wrong.
    Internal,
    /// A transaction or call was reverted by the contract; the data are the revert's bytes in hexadecimal.
    Reverted,
    /// Something the caller sent can't be accepted.
    InvalidInput,
    /// There is no such block, dataset, object, ...
    NotFound,
    /// It exists but can't be had now: still syncing, no peers, ...
    Unavailable,
    /// The pool refused the transaction.
    Rejected,
    /// A bound was hit: size, count or rate.
    LimitExceeded,
    /// The bearer token is missing or wrong.
    Unauthorized,
    /// The Host or Origin header is not one this server answers to.
    Forbidden,
    /// The range asked for lies outside of the object.
    RangeNotSatisfiable,
    /// Not enough coins for it.
    InsufficientFunds,
    /// Fewer suppliers accept than the layout needs.
    NotEnoughSuppliers,
    /// Fewer than k slots give correct bytes.
    DataUnavailable,
    /// It clashes with something that is there or under way.
    Conflict,
    /// This node's disk is full or failing.
    Disk,
    /// A code that this version doesn't know, received from a server.
    Other(i32),
}

/// Number, HTTP status and name of every code; the one place where they are fixed.
const TABLE: [(Code, i32, u16, &str); 19] = [
    (Code::Parse, -32700, 400, "parse"),
    (Code::InvalidRequest, -32600, 400, "invalidRequest"),
    (Code::MethodNotFound, -32601, 404, "methodNotFound"),
    (Code::InvalidParams, -32602, 400, "invalidParams"),
    (Code::Internal, -32603, 500, "internal"),
    (Code::Reverted, 3, 422, "reverted"),
    (Code::InvalidInput, -32000, 400, "invalidInput"),
    (Code::NotFound, -32001, 404, "notFound"),
    (Code::Unavailable, -32002, 503, "unavailable"),
    (Code::Rejected, -32003, 422, "rejected"),
    (Code::LimitExceeded, -32005, 413, "limitExceeded"),
    (Code::Unauthorized, -32050, 401, "unauthorized"),
    (Code::Forbidden, -32051, 403, "forbidden"),
    (Code::RangeNotSatisfiable, -32052, 416, "rangeNotSatisfiable"),
    (Code::InsufficientFunds, -32053, 402, "insufficientFunds"),
    (Code::NotEnoughSuppliers, -32054, 503, "notEnoughSuppliers"),
    (Code::DataUnavailable, -32055, 502, "dataUnavailable"),
    (Code::Conflict, -32056, 409, "conflict"),
    (Code::Disk, -32057, 507, "disk"),
];

impl Code {
    /// Every code with a number of its own.
    pub fn all() -> impl Iterator<Item = Code> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> Option<&'static (Code, i32, u16, &'static str)> {
        TABLE.iter().find(|row| row.0 == self)
    }

    /// The JSON-RPC error code.
    pub fn number(self) -> i32 {
        match self {
            Code::Other(number) => number,
            known => known.row().map_or(-32603, |row| row.1),
        }
    }

    /// The HTTP status with which an object route answers.
    pub fn http_status(self) -> u16 {
        self.row().map_or(500, |row| row.2)
    }

    /// A stable name for programs, in camelCase.
    pub fn name(self) -> &'static str {
        self.row().map_or("other", |row| row.3)
    }

    /// The code behind a number.
    pub fn from_number(number: i32) -> Self {
        TABLE.iter().find(|row| row.1 == number).map_or(Code::Other(number), |row| row.0)
    }
}

/// A failed call: code, message, data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub code: Code,
    /// What failed, where, and what to do about it.
    pub message: String,
    /// More for programs: the revert's bytes in hexadecimal, or an object with `kind`, `todo` and details.
    pub data: Option<Value>,
}

impl Failure {
    /// A failure: `what` failed and where, `todo` is what the reader can do. Neither ends with a full stop.
    pub fn new(code: Code, what: impl Into<String>, todo: impl AsRef<str>) -> Self {
        let todo = todo.as_ref();
        let message = if todo.is_empty() { what.into() } else { format!("{}; {todo}", what.into()) };
        Failure { code, message, data: Some(json!({ "kind": code.name(), "todo": todo })) }
    }

    /// A contract reverted. `data` are the revert's bytes, `reason` its meaning in words.
    pub fn reverted(data: &[u8], reason: impl AsRef<str>) -> Self {
        Failure {
            code: Code::Reverted,
            message: format!("execution reverted: {}", reason.as_ref()),
            data: Some(Value::String(alloy_primitives::hex::encode_prefixed(data))),
        }
    }

    /// This node failed: shown without its internals, which belong in the log.
    pub fn internal(what: impl Into<String>) -> Self {
        Failure::new(Code::Internal, what, "this is the node's own fault; its log says more")
    }

    /// There is no such thing.
    pub fn not_found(what: impl Into<String>, todo: impl AsRef<str>) -> Self {
        Failure::new(Code::NotFound, what, todo)
    }

    /// A parameter is wrong.
    pub fn params(what: impl Into<String>, todo: impl AsRef<str>) -> Self {
        Failure::new(Code::InvalidParams, what, todo)
    }

    /// Adds a field to the data, unless the data are a revert's bytes.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        if let Some(Value::Object(fields)) = &mut self.data {
            fields.insert(field.to_owned(), value.into());
        }
        self
    }

    /// The body of an HTTP answer: `{"error":{"code","message","data"}}`.
    pub fn to_json(&self) -> Value {
        json!({ "error": { "code": self.code.number(), "message": self.message, "data": self.data } })
    }

    /// Reads [`Failure::to_json`]; `None` if it is something else.
    pub fn from_json(body: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Wrapped {
            error: ErrorObjectOwned,
        }
        serde_json::from_slice::<Wrapped>(body).ok().map(|wrapped| wrapped.error.into())
    }
}

impl From<Failure> for ErrorObjectOwned {
    fn from(failure: Failure) -> Self {
        ErrorObject::owned(failure.code.number(), failure.message, failure.data)
    }
}

impl From<ErrorObjectOwned> for Failure {
    fn from(object: ErrorObjectOwned) -> Self {
        Failure {
            code: Code::from_number(object.code()),
            message: object.message().to_owned(),
            data: object.data().and_then(|raw| serde_json::from_str(raw.get()).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_round_trip() {
        let numbers: BTreeSet<i32> = Code::all().map(Code::number).collect();
        assert_eq!(numbers.len(), TABLE.len());
        for code in Code::all() {
            assert_eq!(Code::from_number(code.number()), code);
            assert!((400..600).contains(&code.http_status()), "{code:?}");
        }
        assert_eq!(Code::from_number(-1), Code::Other(-1));
        assert_eq!(Code::Other(-1).number(), -1);
    }

    #[test]
    fn a_failure_survives_both_of_its_wire_forms() {
        for failure in [
            Failure::not_found("no block 9 here", "the tip is 7").with("tip", 7),
            Failure::reverted(&[8, 195, 121, 160], "escrow is short"),
            Failure::internal("the index could not be read"),
        ] {
            assert_eq!(Failure::from(ErrorObjectOwned::from(failure.clone())), failure);
            let body = serde_json::to_vec(&failure.to_json()).unwrap();
            assert_eq!(Failure::from_json(&body), Some(failure));
        }
    }
}
