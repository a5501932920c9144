//! `bitdust world access`: who may build at a place, changed name by name.

use alloy_primitives::{Address, B256};
use anyhow::{Result, bail};
use bitdust_rpc::{
    api::WorldClient as _,
    types::world::{AccessChange, AccessInfo, MayBuild},
};
use clap::Args;

use super::{may_build, position};
use crate::cli::{
    output,
    remote::{RemoteArgs, explain},
};

/// `bitdust world access`.
#[derive(Args)]
pub struct AccessArgs {
    /// The world's id.
    world: B256,
    /// The location, such as 0,0,-1.
    #[arg(allow_hyphen_values = true)]
    pos: String,
    /// Who may build from now on: owner, guests or everybody.
    #[arg(long)]
    build: Option<String>,
    /// An account that may build, and whose node may bring edits to the suppliers while yours is away. Can be given several times.
    #[arg(long, value_name = "ACCOUNT")]
    welcome: Vec<Address>,
    /// An account that may no longer; what it built and your node has seen stays. Can be given several times.
    #[arg(long, value_name = "ACCOUNT")]
    dismiss: Vec<Address>,
    /// The node to ask.
    #[command(flatten)]
    remote: RemoteArgs,
}

impl AccessArgs {
    /// Changes the list, and shows it.
    pub async fn run(&self, json: bool) -> Result<()> {
        let (world, pos) = (self.world, position(&self.pos)?);
        let build = self.build.as_deref().map(may_build).transpose()?;
        if build.is_none() && self.welcome.is_empty() && self.dismiss.is_empty() {
            bail!("nothing to change: say --build, --welcome or --dismiss; `bitdust world stat` shows who may build");
        }
        let client = self.remote.client()?;
        let change = AccessChange { build, welcome: self.welcome.clone(), dismiss: self.dismiss.clone() };
        let now = client.world_admit(world, pos, change).await.map_err(explain(&client))?;
        output::show(json, &now, |now| format!("at location {pos} may build: {}", admitted(Some(now))))
    }
}

/// Who may build, by name as far as they have one.
pub fn admitted(access: Option<&AccessInfo>) -> String {
    let guests = || access.into_iter().flat_map(|list| &list.guests).map(|guest| format!(", {guest}"));
    match access.map(|list| list.build) {
        None => "nobody".to_owned(),
        Some(MayBuild::Owner) => "the owner".to_owned(),
        Some(MayBuild::Guests) => format!("the owner{}", guests().collect::<String>()),
        Some(MayBuild::Everybody) => "everybody".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Address = Address::repeat_byte(1);

    fn list(build: MayBuild, guests: &[Address]) -> AccessInfo {
        AccessInfo { build, guests: guests.to_vec(), compactors: vec![] }
    }

    #[test]
    fn it_says_who_may_build() {
        assert_eq!(admitted(None), "nobody");
        assert_eq!(admitted(Some(&list(MayBuild::Owner, &[ADA]))), "the owner");
        assert_eq!(admitted(Some(&list(MayBuild::Guests, &[ADA]))), format!("the owner, {ADA}"));
    }
}
