//! What our own machine does wrong is reported, and ends the signing.

use std::{sync::Arc, time::Duration};

use bitdust_consensus::Error;

use crate::{group::Group, log};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_and_nothing_is_signed_after_it() {
    let mut group = Group::new(41, 1);
    group.start(0).await;
    group.reach(2, &[0]).await;
    group.chains[0].fail_commit();
    let handle = group.running[0].take().unwrap();
    let fault = tokio::time::timeout(Duration::from_secs(120), handle.failed()).await.unwrap();
    assert_eq!(fault, Error::application("write a block", "no space left on device"));
    assert_eq!(handle.fault(), Some(fault));
    let height = group.chains[0].height();
    handle.stop().await.unwrap();
    assert_eq!(group.chains[0].height(), height);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_occupied_port_is_named() {
    let group = Group::new(42, 1);
    let settings = group.settings(0);
    let _occupied = std::net::TcpListener::bind(settings.listen).unwrap();
    let Err(error) = group.try_start(0).await else { panic!("started on an occupied port") };
    assert!(matches!(&error, Error::Listen { address, .. } if *address == settings.listen), "{error}");
    assert!(error.to_string().contains(&settings.listen.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_validator_on_one_log_is_refused() {
    let mut group = Group::new(43, 1);
    group.start(0).await;
    let other = crate::group::free_addresses(1)[0];
    let settings = bitdust_consensus::Settings { listen: other, ..group.settings(0) };
    let Err(error) = bitdust_consensus::start(settings, Arc::new(group.chains[0].clone())).await else {
        panic!("started twice on one log");
    };
    assert!(matches!(error, Error::WriteAheadLog { .. }), "{error}");
    group.stop(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_can_not_work_are_refused() {
    let group = Group::new(44, 1);
    let good = group.settings(0);
    let mut port = good.clone();
    port.listen.set_port(0);
    let mut time = good.clone();
    time.block_time = Duration::ZERO;
    let mut bytes = good.clone();
    bytes.block_bytes_max = usize::MAX;
    for (settings, wrong) in [(port, "listen"), (time, "block_time"), (bytes, "block_bytes_max")] {
        let Err(error) = bitdust_consensus::start(settings, Arc::new(group.chains[0].clone())).await else {
            panic!("{wrong} was accepted");
        };
        assert!(matches!(error, Error::Settings { field, .. } if field == wrong), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_proposals_are_voted_down_and_their_proposer_is_named() {
    let mut group = Group::new(45, 4);
    group.chains[1].propose_nonsense();
    group.start_all().await;
    let culprit = group.chains[1].address;
    group.wait_for("an invalid proposal", |group| !group.chains[0].refused().is_empty()).await;
    group.reach(group.chains[0].height() + 3, &[0, 2, 3]).await;
    group.stop_all().await;
    group.assert_agreement();
    for height in 1..=group.chains[0].height() {
        assert_ne!(group.chains[0].block(height).unwrap().0.proposer, culprit, "an invalid block was decided");
    }
    assert!(log::says(&["the proposed block is invalid", &format!("proposer={culprit}")]));
}
