// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

// The Worlds system contract at 0x00000000000000000000000000000000b17d0006.
//
// A world is published by its creator: an id, a name, the Market's dataset that keeps its definition and content, and the
// rules of claiming. A claim gives one location (a block of 8 x 8 x 8 chunks at x, y, z, in units of locations) to an
// account for a term. The contract keeps no coins: what a claim costs goes to the world's creator at once, what a world
// costs goes to the holders of shares.
//
// Units: amounts in grains (1 DUST = 10^18 grains), epochs as counted from genesis. `docs/claims.md` is the rule behind
// every number here.
//
// A claim's time: until `untilEpoch` it is held and its owner may do everything; in the 7 epochs of grace after it, only
// renew, release, and nobody else can take it; then it has lapsed, and whoever may claim takes it, or anyone prunes it.
interface IWorlds {
    // ---- what comes out of views

    struct WorldInfo {
        bytes32 world;
        address creator;
        string name;
        // The Market's dataset with the world's definition and content.
        bytes32 dataset;
        // 0 everybody, 1 accounts that the creator allowed, 2 nobody but the creator.
        uint8 whoMayClaim;
        // What a claim or a renewal costs, in grains.
        uint256 price;
        // How long it lasts.
        uint64 termEpochs;
        // Claims that one account may hold in this world.
        uint32 claimsPerAccount;
        // Claims in this world, lapsed ones included until they are taken or pruned.
        uint32 claims;
    }

    struct ClaimInfo {
        int64 x;
        int64 y;
        int64 z;
        address owner;
        // The Market's dataset that keeps the location.
        bytes32 dataset;
        // First and last epoch of the claim.
        uint64 startEpoch;
        uint64 untilEpoch;
        // Names the access list. It goes on growing from one claim of the location to the next.
        uint64 accessRevision;
        // Who may build: 0 the owner, 1 the guests too, 2 everybody.
        uint8 build;
        // Root of the newest compacted manifest and its number; zero before the first.
        bytes32 manifest;
        uint64 sequence;
    }

    struct AccessInfo {
        address owner;
        uint64 revision;
        uint8 build;
        address[] guests;
        // Who may enter compacted versions beside the owner.
        address[] compactors;
    }

    // ---- creators

    /// Publishes a world under an id that nobody has used; the caller becomes its creator. The value must be `worldFee()`.
    /// The dataset must be the caller's own, public and running. Id, name and term never change.
    function createWorld(
        bytes32 world,
        string calldata name,
        bytes32 dataset,
        uint8 whoMayClaim,
        uint256 price,
        uint64 termEpochs,
        uint32 claimsPerAccount
    ) external payable;
    /// Changes content and rules, for claims and renewals from now on. Creator only.
    function setWorld(bytes32 world, bytes32 dataset, uint8 whoMayClaim, uint256 price, uint32 claimsPerAccount) external;
    /// Makes another account the creator: it sets the rules and is paid from now on. Creator only.
    function transferWorld(bytes32 world, address to) external;
    /// Puts an account on the list of those who may claim, or takes it off; claims that it has stay. Creator only.
    function allow(bytes32 world, address account, bool allowed) external;

    // ---- owners of claims

    /// Takes a free or lapsed location for one term. The value must be the world's price; it goes to the creator.
    /// The dataset must be the caller's own, public and running.
    function claim(bytes32 world, int64 x, int64 y, int64 z, bytes32 dataset, uint8 build) external payable;
    /// Adds a term, from half of the running one on until the grace is over. The value must be the world's price.
    function renewClaim(bytes32 world, int64 x, int64 y, int64 z) external payable;
    /// Gives a location back. Its owner may at any time, anyone once the claim has lapsed.
    function releaseClaim(bytes32 world, int64 x, int64 y, int64 z) external;
    /// Gives the rest of the term to an account that may claim. Guests and compactors are struck off: they were the
    /// former owner's. Dataset and manifest stay until the new owner sets its own.
    function transferClaim(bytes32 world, int64 x, int64 y, int64 z, address to) external;
    /// Says who may build (0 owner, 1 guests too, 2 everybody), with at most 64 guests and 8 compactors, no account twice
    /// in a list. Raises the access revision by one.
    function setAccess(
        bytes32 world,
        int64 x,
        int64 y,
        int64 z,
        uint8 build,
        address[] calldata guests,
        address[] calldata compactors
    ) external;
    /// Enters a compacted version: the root of its manifest and its number, which must exceed the last one's, by at most
    /// 2^32. Owner or compactor.
    function setCompacted(bytes32 world, int64 x, int64 y, int64 z, bytes32 manifest, uint64 sequence) external;
    /// Moves the location to another dataset of the caller's own, public and running.
    function setClaimDataset(bytes32 world, int64 x, int64 y, int64 z, bytes32 dataset) external;

    // ---- views; a list answers at most 100 entries a call

    /// What a world costs.
    function worldFee() external view returns (uint256);
    function world(bytes32 world) external view returns (WorldInfo memory);
    function worldCount() external view returns (uint64);
    /// In the order of their making.
    function worlds(uint64 from, uint64 count) external view returns (WorldInfo[] memory);
    /// The claim of a location, held, in grace or lapsed.
    function claimOf(bytes32 world, int64 x, int64 y, int64 z)
        external
        view
        returns (bool exists, ClaimInfo memory claim);
    function accessOf(bytes32 world, int64 x, int64 y, int64 z) external view returns (AccessInfo memory);
    /// All claims of a world. A released one gives its place in the list to the last.
    function claims(bytes32 world, uint64 from, uint64 count) external view returns (ClaimInfo[] memory);
    /// An account's claims in a world.
    function claimsOf(bytes32 world, address account, uint64 from, uint64 count)
        external
        view
        returns (ClaimInfo[] memory);
    /// How many claims an account has in a world, whether the creator has put it on the list, and whether it may claim one
    /// more now.
    function standingOf(bytes32 world, address account)
        external
        view
        returns (uint32 claims, bool allowed, bool mayClaim);

    // ---- logs

    event WorldCreated(
        bytes32 indexed world,
        address indexed creator,
        string name,
        bytes32 dataset,
        uint8 whoMayClaim,
        uint256 price,
        uint64 termEpochs,
        uint32 claimsPerAccount,
        uint256 fee
    );
    event WorldSet(bytes32 indexed world, bytes32 dataset, uint8 whoMayClaim, uint256 price, uint32 claimsPerAccount);
    event WorldTransferred(bytes32 indexed world, address indexed from, address indexed to);
    event Allowed(bytes32 indexed world, address indexed account, bool allowed);
    event Claimed(
        bytes32 indexed world,
        address indexed owner,
        int64 x,
        int64 y,
        int64 z,
        bytes32 dataset,
        uint8 build,
        uint64 untilEpoch,
        uint64 accessRevision,
        address creator,
        uint256 paid
    );
    event ClaimRenewed(
        bytes32 indexed world,
        address indexed owner,
        int64 x,
        int64 y,
        int64 z,
        uint64 untilEpoch,
        address creator,
        uint256 paid
    );
    /// `lapsed`: its time was over, and `by` pruned it or claims the location.
    event ClaimReleased(
        bytes32 indexed world, address indexed owner, int64 x, int64 y, int64 z, bool lapsed, address by
    );
    event ClaimTransferred(
        bytes32 indexed world,
        address indexed from,
        address indexed to,
        int64 x,
        int64 y,
        int64 z,
        uint64 accessRevision
    );
    event AccessSet(
        bytes32 indexed world,
        int64 x,
        int64 y,
        int64 z,
        uint64 accessRevision,
        uint8 build,
        address[] guests,
        address[] compactors
    );
    event Compacted(
        bytes32 indexed world,
        address indexed by,
        int64 x,
        int64 y,
        int64 z,
        bytes32 dataset,
        bytes32 manifest,
        uint64 sequence
    );
    event ClaimDatasetSet(bytes32 indexed world, int64 x, int64 y, int64 z, bytes32 dataset);

    // ---- refusals: each carries the numbers that explain it

    error UnknownFunction(bytes4 selector);
    error BadArguments(bytes4 selector);
    error NotPayable(uint256 value);
    error ReadOnly(bytes4 selector);
    error AmountTooLarge();
    error BrokenPromise(string what);

    error NoSuchWorld(bytes32 world);
    error WorldExists(bytes32 world, address creator);
    error TooManyWorlds(uint64 limit);
    error BadName(uint256 given, uint256 limit);
    error NameHasControls(uint256 at);
    error BadRule(uint8 given, uint8 limit);
    error BadTerm(uint64 epochs, uint64 limit);
    error BadClaimLimit(uint32 given, uint32 limit);
    error WrongFee(uint256 given, uint256 fee);
    error NotCreator(address caller, address creator);
    error NoAccount();

    error NoSuchDataset(bytes32 dataset);
    error DatasetIsOver(bytes32 dataset, uint64 endEpoch, uint64 epoch);
    error DatasetIsPrivate(bytes32 dataset);
    error NotDatasetOwner(bytes32 dataset, address caller, address owner);

    error WrongPrice(uint256 given, uint256 price);
    error NotAllowed(address account, uint8 whoMayClaim);
    error TooManyClaims(address account, uint32 claims, uint32 limit);
    error WorldIsFull(bytes32 world, uint64 limit);
    error IsClaimed(address owner, uint64 untilEpoch, uint64 freeFromEpoch);
    error NoSuchClaim(bytes32 world, int64 x, int64 y, int64 z);
    error NotClaimOwner(address caller, address owner);
    error ClaimIsOver(uint64 untilEpoch, uint64 epoch);
    error RenewTooEarly(uint64 fromEpoch, uint64 epoch);
    error BadBuild(uint8 given);
    error TooManyAccounts(string list, uint256 given, uint256 limit);
    error AccountTwice(string list, address account);
    error NotCompactor(address caller, address owner);
    error NoManifest();
    error BadSequence(uint64 given, uint64 last, uint64 limit);
}
