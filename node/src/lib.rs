//! How is it all one process?
//!
//! Configuration, composition, and the asynchronous shells around the pure logic of the other rooms: [`chain`] keeps the
//! ledger, [`customer`] and [`supplier`] carry out what `bitdust_market` decides, [`worlds`] and
//! [`meeting`] what `bitdust_world` does, [`mod@run`] puts a node together, [`devnet`]
//! supervises a whole network on this machine, [`cli`] is what people type, [`api`] what programs ask.
//!
//! **Invariant:** everything that has to do with time, threads, processes and configuration is here and nowhere below.

pub mod api;
pub mod chain;
pub mod chain_api;
pub mod cli;
pub mod config;
pub mod customer;
pub mod devnet;
pub mod genesis;
pub mod home;
pub mod keys;
pub mod meeting;
pub mod run;
pub mod supplier;
pub mod telemetry;
pub mod worlds;

use anyhow::Result;

use cli::{Cli, Verb};

/// Does what was typed.
pub async fn dispatch(cli: Cli) -> Result<()> {
    let json = cli.json;
    match &cli.verb {
        Verb::Devnet(args) => devnet::run(args, json).await,
        Verb::Init(args) => cli::init::run(args, json),
        Verb::Genesis(verb) => cli::genesis::run(verb, json),
        Verb::Run(args) => run::run(args).await,
        Verb::Status(args) => cli::remote::status(args, json).await,
        Verb::Wallet(verb) => cli::wallet::run(verb, json).await,
        Verb::Put(args) => cli::objects::put(args, json).await,
        Verb::Get(args) => cli::objects::get(args, json).await,
        Verb::Ls(args) => cli::objects::ls(args, json).await,
        Verb::Stat(args) => cli::objects::stat(args, json).await,
        Verb::Rm(args) => cli::objects::rm(args, json).await,
        Verb::Verify(args) => cli::objects::verify(args, json).await,
        Verb::Restore(args) => cli::objects::restore(args, json).await,
        Verb::Market(verb) => cli::market::run(verb, json).await,
        Verb::Supplier(verb) => cli::supplier::run(verb, json).await,
        Verb::Validator(verb) => cli::validator::run(verb, json).await,
        Verb::World(verb) => cli::world::run(verb, json).await,
    }
}
