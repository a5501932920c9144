//! `bitdust wallet import` and `bitdust wallet list`: keys that exist already, in a node's directory.
//!
//! A secret comes from a file or from standard input, never from the command line, where other programs and the shell's
//! history see it. What is imported becomes the keys of a directory that `bitdust init --keep-keys` then makes a node's.

use std::{
    fs::File,
    io::{self, BufRead as _, IsTerminal as _, Read},
    path::PathBuf,
};

use alloy_primitives::Address;
use anyhow::{Context as _, Result, bail, ensure};
use bitdust_types::keys::{Phrase, account_of};
use clap::Args;
use k256::ecdsa::SigningKey;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    cli::{init::default_dir, output},
    home::Home,
    keys::{self, NodeKeys},
};

/// A phrase of 24 words has 215 letters and spaces at most.
const SECRET_BYTES_MAX: u64 = 4096;
/// Accounts that are listed of one phrase.
const ACCOUNTS_MAX: i64 = 1000;

/// `bitdust wallet import`.
#[derive(Args)]
pub struct ImportArgs {
    /// File with a phrase, or with a private key as 64 hexadecimal digits; standard input otherwise.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// The directory of the node that shall have the keys; made if it doesn't exist.
    #[arg(long, default_value_os_t = default_dir())]
    pub dir: PathBuf,
    /// File with the password that the keys are encrypted with; otherwise BITDUST_PASSWORD.
    #[arg(long)]
    pub password_file: Option<PathBuf>,
}

/// `bitdust wallet list`.
#[derive(Args)]
pub struct ListArgs {
    /// File with a phrase whose accounts are listed, instead of a directory's account.
    #[arg(long)]
    pub phrase_file: Option<PathBuf>,
    /// How many of the phrase's accounts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=ACCOUNTS_MAX), requires = "phrase_file")]
    pub count: u32,
    /// The node's directory.
    #[arg(long, default_value_os_t = default_dir(), conflicts_with = "phrase_file")]
    pub dir: PathBuf,
    /// File with the keys' password; otherwise BITDUST_PASSWORD.
    #[arg(long, conflicts_with = "phrase_file")]
    pub password_file: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    dir: PathBuf,
    address: Address,
    /// Where the account's key is kept, encrypted.
    file: PathBuf,
}

/// Encrypts a secret into the directory's keystores.
pub fn import(args: &ImportArgs, json: bool) -> Result<()> {
    let home = Home::new(&args.dir);
    if keys::exist(&home) {
        bail!(
            "{} holds keys already, and they are not written over; name another directory with --dir",
            home.keys().display()
        );
    }
    let password = keys::password(args.password_file.as_deref())?;
    let (text, source) = match &args.file {
        Some(path) => {
            let source = path.display().to_string();
            let file = File::open(path).with_context(|| format!("reading the secret from {source}"))?;
            (read_secret(file, &source)?, source)
        }
        None => (from_stdin()?, "standard input".to_owned()),
    };
    let own = parse(&text).with_context(|| format!("in {source}"))?;
    keys::save(&home, &own, &password)?;
    let imported = Imported { dir: args.dir.clone(), address: own.account(), file: keys::coin_file(&home) };
    output::show(json, &imported, |imported| {
        let dir = imported.dir.display();
        format!(
            "Account: {}\nIts key is in {}, encrypted with the password. A node with this account is made with: bitdust init \
             --keep-keys --dir {dir} --genesis FILE",
            imported.address,
            imported.file.display()
        )
    })
}

/// The account of a directory, or the accounts of a phrase.
pub fn list(args: &ListArgs, json: bool) -> Result<()> {
    let accounts = match &args.phrase_file {
        Some(path) => {
            let source = path.display().to_string();
            let file = File::open(path).with_context(|| format!("reading the phrase file {source}"))?;
            let phrase = Phrase::parse(&read_secret(file, &source)?).with_context(|| format!("in {source}"))?;
            (0..args.count).map(|index| Ok(account_of(&phrase.coin_key(index)?))).collect::<Result<Vec<_>>>()?
        }
        None => {
            let home = Home::new(&args.dir);
            ensure!(
                keys::exist(&home),
                "{} holds no keys; `bitdust init` or `bitdust wallet import` puts some there",
                home.keys().display()
            );
            vec![keys::load(&home, &keys::password(args.password_file.as_deref())?)?.account()]
        }
    };
    output::show(json, &accounts, |accounts| accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// What a person types until Enter, or all that a program sends.
fn from_stdin() -> Result<Zeroizing<String>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_secret(stdin.lock(), "standard input");
    }
    output::complain(
        "Type the phrase or the private key, and Enter. It is seen on the screen; --file reads it from a file.",
    );
    let mut text = Zeroizing::new(String::new());
    stdin.lock().take(SECRET_BYTES_MAX).read_line(&mut text).context("reading the secret from standard input")?;
    Ok(text)
}

fn read_secret(from: impl Read, source: &str) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    from.take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("reading the secret from {source}"))?;
    ensure!(text.len() as u64 <= SECRET_BYTES_MAX, "{source} is longer than {SECRET_BYTES_MAX} bytes: no secret is");
    Ok(text)
}

/// A phrase's keys, or those of a private key alone. Errors never repeat what was read.
fn parse(text: &str) -> Result<NodeKeys> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let mut secret = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, secret.as_mut_slice()).context("reading the private key's digits")?;
        let coin = SigningKey::from_slice(secret.as_slice())
            .ok()
            .context("these 64 digits are no private key of secp256k1: zero, or too large")?;
        return Ok(NodeKeys::from_coin_key(coin));
    }
    let Ok(phrase) = Phrase::parse(text) else {
        bail!(
            "neither a private key (64 hexadecimal digits) nor a BIP-39 phrase (12, 15, 18, 21 or 24 English words whose \
             checksum fits)"
        );
    };
    NodeKeys::from_phrase(&phrase)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bitdust_types::keys::DEVNET_PHRASE;

    use super::*;

    /// The private key that every wallet shows for the first account of the development phrase.
    const FIRST: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_phrase_and_its_private_key_are_the_same_account() {
        let of_phrase = parse(&format!("  {DEVNET_PHRASE}\n")).unwrap();
        for text in [FIRST, &FIRST[2..], &format!("{FIRST}\n")] {
            let of_key = parse(text).unwrap();
            assert_eq!(of_key.account(), of_phrase.account());
            // A key that is pasted into wallets must not open what the phrase's own storage key keeps.
            assert_ne!(of_key.storage, of_phrase.storage);
        }
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        let zero = "0".repeat(64);
        for text in ["", "secretword", "test test test", &zero, &"f".repeat(64), &FIRST[..60]] {
            let error = format!("{:#}", parse(text).err().unwrap());
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        assert!(read_secret("x".repeat(5000).as_bytes(), "there").unwrap_err().to_string().contains("there is longer"));
    }

    #[test]
    fn imported_keys_are_encrypted_listed_and_never_written_over() {
        let scratch = tempfile::tempdir().unwrap();
        let (dir, file, password) =
            (scratch.path().join("node"), scratch.path().join("key"), scratch.path().join("pw"));
        fs::write(&file, FIRST).unwrap();
        fs::write(&password, "secret").unwrap();
        let args = ImportArgs { file: Some(file), dir: dir.clone(), password_file: Some(password.clone()) };
        import(&args, true).unwrap();
        let home = Home::new(&dir);
        let kept = fs::read_to_string(keys::coin_file(&home)).unwrap();
        assert!(!kept.contains(&FIRST[2..]) && kept.contains("scrypt"), "{kept}");
        let loaded = keys::load(&home, "secret").unwrap();
        assert_eq!(loaded.account().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        let error = import(&args, true).unwrap_err().to_string();
        assert!(error.contains("holds keys already"), "{error}");
        let list_args = ListArgs { phrase_file: None, count: 5, dir, password_file: Some(password) };
        list(&list_args, true).unwrap();
        let nowhere = ListArgs { dir: scratch.path().join("none"), ..list_args };
        assert!(list(&nowhere, true).unwrap_err().to_string().contains("holds no keys"));
    }

    #[test]
    fn the_old_name_of_list_still_works() {
        use clap::Parser as _;
        for verb in ["list", "accounts"] {
            let line = ["bitdust", "wallet", verb, "--phrase-file", "words", "--count", "2"];
            crate::cli::Cli::try_parse_from(line).unwrap();
        }
        assert!(
            crate::cli::Cli::try_parse_from(["bitdust", "wallet", "import", FIRST]).is_err(),
            "no secret on the line"
        );
    }
}
