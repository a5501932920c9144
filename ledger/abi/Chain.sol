// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// Epochs and the randomness beacon. A native contract at 0x00000000000000000000000000000000b17d0000.
interface IChain {
    /// The account is no validator with a hash chain.
    error NotValidator(address account);
    /// A tip of zero names no hash chain.
    error ZeroTip();
    /// Not a plain call of a function of this interface (no DELEGATECALL, CALLCODE, value or unknown selector).
    error BadCall();
    /// A write under STATICCALL.
    error ViewOnly();

    /// A validator will reveal from a new hash chain, from the first block of `fromEpoch` on.
    event TipRenewed(address indexed validator, bytes32 tip, uint64 fromEpoch);

    /// The epoch of this block.
    function epoch() external view returns (uint64);
    /// The seed of an epoch; zero until its reveals are complete and after 512 epochs.
    function seed(uint64 epoch) external view returns (bytes32);
    /// The hash that a validator's next reveal must have; zero for an account that has none.
    function tip(address validator) external view returns (bytes32);
    /// A validator registers the tip of its next hash chain. It replaces the present one two epochs from now, so that
    /// nobody can choose a tip knowing the seed that it will enter.
    function renewTip(bytes32 newTip) external;
}
