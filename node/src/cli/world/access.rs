//! `bitdust world access`: who may build at a place, changed name by name. The node's call replaces the whole list; here what
//! isn't named stays.

use alloy_primitives::{Address, B256};
use anyhow::{Context as _, Result, bail};
use bitdust_rpc::{
    api::WorldClient as _,
    types::world::{AccessInfo, MayBuild},
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
        if let Some(account) = self.welcome.iter().find(|account| self.dismiss.contains(account)) {
            bail!("{account} can't be both welcome and dismissed");
        }
        let client = self.remote.client()?;
        let known = client.world_admitted(world, pos).await.map_err(explain(&client))?;
        let known =
            known.with_context(|| format!("location {pos} is nobody's: claim it with `bitdust world claim`"))?;
        for account in &self.dismiss {
            client.world_revoke(world, pos, *account).await.map_err(explain(&client))?;
        }
        if build.is_some() || !self.welcome.is_empty() {
            let AccessInfo { build, guests, compactors } = changed(known, build, &self.welcome, &self.dismiss);
            client.world_access(world, pos, build, guests, Some(compactors)).await.map_err(explain(&client))?;
        }
        let now = client.world_admitted(world, pos).await.map_err(explain(&client))?;
        output::show(json, &now, |now| format!("at location {pos} may build: {}", admitted(now.as_ref())))
    }
}

/// A list with some let in and some out. Who is let in may build, whatever the list said before.
fn changed(known: AccessInfo, build: Option<MayBuild>, welcome: &[Address], dismiss: &[Address]) -> AccessInfo {
    let stays = |account: &Address| !dismiss.contains(account);
    let mut guests: Vec<Address> = known.guests.into_iter().filter(stays).collect();
    guests.extend(welcome.iter().filter(|account| !guests.contains(account)).copied().collect::<Vec<_>>());
    let compactors = known.compactors.into_iter().filter(stays).collect();
    let build = build.unwrap_or(match known.build {
        MayBuild::Owner if !welcome.is_empty() => MayBuild::Guests,
        as_before => as_before,
    });
    AccessInfo { build, guests, compactors }
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
    const BEN: Address = Address::repeat_byte(2);

    fn list(build: MayBuild, guests: &[Address]) -> AccessInfo {
        AccessInfo { build, guests: guests.to_vec(), compactors: vec![BEN] }
    }

    #[test]
    fn who_is_not_named_stays_as_before() {
        let welcomed = changed(list(MayBuild::Owner, &[]), None, &[ADA], &[]);
        assert_eq!(welcomed, list(MayBuild::Guests, &[ADA]), "a guest who may not build is none");
        assert_eq!(changed(welcomed.clone(), None, &[ADA, BEN], &[]), list(MayBuild::Guests, &[ADA, BEN]));
        assert_eq!(changed(welcomed.clone(), Some(MayBuild::Owner), &[], &[]), list(MayBuild::Owner, &[ADA]));
        let open = list(MayBuild::Everybody, &[ADA]);
        assert_eq!(changed(open.clone(), None, &[BEN], &[ADA]), list(MayBuild::Everybody, &[BEN]));
        assert!(changed(open, None, &[], &[BEN]).compactors.is_empty());
    }

    #[test]
    fn it_says_who_may_build() {
        assert_eq!(admitted(None), "nobody");
        assert_eq!(admitted(Some(&list(MayBuild::Owner, &[ADA]))), "the owner");
        assert_eq!(admitted(Some(&list(MayBuild::Guests, &[ADA]))), format!("the owner, {ADA}"));
    }
}
