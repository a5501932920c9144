//! Who may call what: the bearer token, and the one list of what is open without it.
//!
//! The node writes the token to a file that its owner alone can read. Whoever shows it in `Authorization: Bearer ...` may
//! do everything; without it only what [`need`] calls open. The list names what is *open*, so that a method added later
//! is closed until somebody decides otherwise.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use crate::failure::{Code, Failure};

/// Bytes of a token; 256 bits can't be guessed.
pub const TOKEN_BYTES: usize = 32;

/// Namespaces that only read what is public on the ledger, or that carry signed transactions.
const OPEN_NAMESPACES: [&str; 5] = ["eth_", "net_", "web3_", "ledger_", "rpc."];
/// Single methods outside of these namespaces that reveal nothing private.
const OPEN_METHODS: [&str; 17] = [
    "market_offers",
    "market_dataset",
    "market_datasets",
    "market_slots",
    "market_supplier",
    "market_statement",
    "market_explainRevert",
    "storage_status",
    "node_status",
    "node_peers",
    "node_metrics",
    "world_list",
    "world_info",
    "world_claims",
    "world_near",
    "world_location",
    "world_stats",
];

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// The bearer token: the call spends, changes, or shows what is private.
    Token,
}

/// What a JSON-RPC method needs. `storage_ls`, `_stat`, `_verify`, `_datasets` and `_restore` show private names, `storage_rm`,
/// `market_fund`, `_renew`, `_settle` and `_end`, `supplier_*` and `node_send` spend or change, `meet_*` speak in the player's name and show where it is.
///
/// The object routes follow the same rule: `PUT` and `DELETE` need the token, `GET` and `HEAD` unless the object is
/// public. Chunks of worlds are public.
pub fn need(method: &str) -> Need {
    let open = OPEN_NAMESPACES.iter().any(|space| method.starts_with(space)) || OPEN_METHODS.contains(&method);
    if open { Need::Nothing } else { Need::Token }
}

/// What a request showed of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No `Authorization` header.
    Missing,
    /// A header, but not with this node's token.
    Wrong,
    /// The token.
    Granted,
}

impl Access {
    /// Lets pass, or says what is missing and where to find it.
    pub fn check(self, what: &str, token_file: &Path) -> Result<(), Failure> {
        let problem = match self {
            Access::Granted => return Ok(()),
            Access::Missing => "needs this node's token, and the request carries none",
            Access::Wrong => "needs this node's token, and the request carries another one",
        };
        let todo = format!(
            "send the header 'Authorization: Bearer <token>'; the token is in the file {} on the node's machine",
            token_file.display()
        );
        Err(Failure::new(Code::Unauthorized, format!("{what} {problem}"), todo))
    }
}

/// The bearer token of one node. Neither shown by `Debug` nor comparable in a time that depends on its bytes.
#[derive(Clone)]
pub struct Token([u8; TOKEN_BYTES]);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file could not be read or written.
    #[error("the token file {}: {source}; check that it exists and is yours, or start the node to create it", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the token file {} does not hold 64 hexadecimal digits; delete it and start the node to get a new one", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
}

impl Token {
    /// A token of these random bytes.
    pub fn from_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        Token(bytes)
    }

    /// Reads 64 hexadecimal digits; blanks around them don't matter.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != 2 * TOKEN_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        alloy_primitives::hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Token(bytes))
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        alloy_primitives::hex::encode(self.0)
    }

    /// Reads the token that a node left in its data directory.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let text = fs::read_to_string(path).map_err(|source| TokenError::Io { path: path.to_owned(), source })?;
        Token::parse(&text).ok_or_else(|| TokenError::Malformed { path: path.to_owned() })
    }

    /// Reads the file, or, when there is none, writes these random bytes to a new one that only its owner can read.
    pub fn load_or_create(path: &Path, random: [u8; TOKEN_BYTES]) -> Result<Self, TokenError> {
        if path.exists() {
            return Token::load(path);
        }
        // Written beside it and renamed, so that a crash in between can't leave half a token.
        let draft = path.with_extension("new");
        let token = Token(random);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&draft)
            .and_then(|mut file| {
                writeln!(file, "{}", token.to_hex())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&draft, path))
            .map_err(|source| TokenError::Io { path: path.to_owned(), source })?;
        Ok(token)
    }

    /// What an `Authorization` header is worth. RFC 6750: the scheme's case doesn't matter.
    pub fn access(&self, header: Option<&[u8]>) -> Access {
        let Some(header) = header else { return Access::Missing };
        let shown = std::str::from_utf8(header).ok().and_then(|text| {
            let (scheme, token) = text.trim().split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token))?
        });
        match shown {
            Some(token) if self.same(&token) => Access::Granted,
            _ => Access::Wrong,
        }
    }

    /// Compares in constant time: every byte is read whatever the earlier ones were.
    fn same(&self, other: &Token) -> bool {
        let mut difference = 0;
        for (ours, theirs) in self.0.iter().zip(other.0.iter()) {
            // black_box keeps the compiler from leaving the loop at the first difference.
            difference |= std::hint::black_box(ours ^ theirs);
        }
        std::hint::black_box(difference) == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_opens() {
        let token = Token::from_bytes([0xab; 32]);
        let hex = token.to_hex();
        let header = |text: &str| token.access(Some(text.as_bytes()));
        assert_eq!(header(&format!("Bearer {hex}")), Access::Granted);
        assert_eq!(header(&format!("bearer {}", hex.to_uppercase())), Access::Granted);
        assert_eq!(token.access(None), Access::Missing);
        let first_wrong = format!("Bearer 0{}", &hex[1..]);
        let last_wrong = format!("Bearer {}0", &hex[..63]);
        let short = format!("Bearer {}", &hex[..62]);
        let prefixed = format!("Bearer 0x{hex}");
        let basic = format!("Basic {hex}");
        for wrong in ["", "Bearer", "Bearer ", &hex, &first_wrong, &last_wrong, &short, &prefixed, &basic] {
            assert_eq!(header(wrong), Access::Wrong, "{wrong}");
        }
        assert_eq!(token.access(Some(&[0xff, 0xfe])), Access::Wrong);
        assert!(!format!("{token:?}").contains(&hex[..4]));
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_alone_and_garbage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        assert!(Token::load(&path).unwrap_err().to_string().contains("token"));
        let first = Token::load_or_create(&path, [1; 32]).unwrap();
        let second = Token::load_or_create(&path, [2; 32]).unwrap();
        assert!(first.same(&second) && first.same(&Token::load(&path).unwrap()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(Token::load(&path), Err(TokenError::Malformed { .. })));
    }

    #[test]
    fn what_nobody_listed_is_closed() {
        for open in ["eth_sendRawTransaction", "rpc.discover", "market_explainRevert", "market_slots", "node_status"] {
            assert_eq!(need(open), Need::Nothing, "{open}");
        }
        for closed in ["storage_rm", "storage_ls", "supplier_exit", "node_send", "node_newThing", "", "ETH_call"] {
            assert_eq!(need(closed), Need::Token, "{closed}");
        }
        for spending in ["market_fund", "market_renew", "market_settle", "market_end", "market_newThing"] {
            assert_eq!(need(spending), Need::Token, "{spending}");
        }
    }
}
