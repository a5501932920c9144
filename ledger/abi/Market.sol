// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

// The Market system contract at 0x00000000000000000000000000000000b17d0001.
//
// Units: amounts in grains (1 DUST = 10^18 grains), prices in grains per GiB (2^30 bytes) and epoch, egress prices in
// grains per GiB, epochs and heights as counted from genesis. `docs/market-rule.md` is the rule behind every number here.

/// What a supplier signs (EIP-712, domain: name "BitDust Market", version "1", the chain's id, the Market's address)
/// to promise the bytes of one slot. `bytesHeld` and `root` are those of revision `number`.
struct Hold {
    bytes32 dataset;
    uint16 slot;
    uint64 number;
    uint64 bytesHeld;
    bytes32 root;
    uint128 rate;
    uint64 validUntil;
}

interface IMarket {
    // ---- what goes in

    struct Offer {
        uint128 pricePerGibEpoch;
        uint128 egressPerGib;
        uint64 capacityBytes;
        uint64 maxTermEpochs;
        uint64 validUntil;
        bytes32 operator;
        string region;
        bytes peerId;
    }

    struct CreateParams {
        address owner;
        uint8 k;
        uint8 n;
        uint8 visibility;
        uint64 termEpochs;
        uint128 priceCap;
        uint32 salt;
    }

    struct HoldSig {
        uint16 slot;
        address supplier;
        uint128 rate;
        uint64 validUntil;
        bytes signature;
    }

    // ---- what comes out of views

    struct OfferInfo {
        address supplier;
        Offer offer;
    }

    struct SupplierInfo {
        uint256 free;
        uint256 reserved;
        uint64 provenEpochs;
        uint64 lastProven;
        uint64 firstDue;
        uint32 slots;
        uint64 totalBytes;
        uint64 dueBytes;
        uint256 provenBitmap;
    }

    struct DatasetInfo {
        address owner;
        address payer;
        uint8 k;
        uint8 n;
        uint8 visibility;
        bool ended;
        uint64 startEpoch;
        uint64 endEpoch;
        uint64 number;
        uint64 bytesPerSlot;
        uint128 priceCap;
        uint256 escrow;
        bytes32 head;
    }

    struct SlotInfo {
        address supplier;
        uint64 number;
        uint64 bytesHeld;
        bytes32 root;
        uint128 rate;
        bytes32 targetRoot;
        uint64 endEpoch;
        uint256 deposit;
        uint256 reserve;
        uint64 dueFrom;
        uint64 lastFailed;
        uint64 missedWindows;
    }

    struct WriterInfo {
        address writer;
        uint64 quotaBytes;
        uint64 usedBytes;
        uint64 expiryEpoch;
    }

    struct SupplierSlot {
        bytes32 dataset;
        uint16 slot;
        uint64 bytesHeld;
    }

    // ---- suppliers

    /// Publishes or replaces the caller's offer.
    function registerOffer(Offer calldata offer) external;
    /// Takes the caller's offer off the list. Slots already held go on, and their readers still find its peer id.
    function withdrawOffer() external;
    /// Takes an expired offer off the list, or one with less than 1 DUST of collateral when the list is full; anyone may.
    function pruneOffer(address supplier) external;
    /// Adds the value to the caller's collateral pool.
    function depositCollateral() external payable;
    /// Pays out of the free part of the caller's pool.
    function withdrawCollateral(uint256 amount) external;
    /// Gives a slot up before the epoch's seed is known, for the price of its repair.
    function declareFault(bytes32 dataset, uint16 slot) external;

    // ---- datasets

    /// Opens a dataset; the value becomes its escrow. Id = keccak256(owner, payer, salt, chain id), packed.
    function createDataset(CreateParams calldata params) external payable returns (bytes32 dataset);
    /// Adds the value to a dataset's escrow; anyone may.
    function fund(bytes32 dataset) external payable;
    /// Lengthens the term; slots follow whose suppliers' live offers still cover rate and term.
    function renew(bytes32 dataset, uint64 extraEpochs) external payable;
    /// Lets an account revise within a quota of bytes before parity; quota 0 removes it. Owner only.
    function setWriter(bytes32 dataset, address writer, uint64 quotaBytes, uint64 expiryEpoch) external;
    /// Settles and frees all slots and refunds what is left to the payer. Owner or payer.
    function end(bytes32 dataset) external;
    /// Sets the target of all slots and takes the suppliers' promises that come with it.
    function revise(
        bytes32 dataset,
        uint64 number,
        uint64 bytesPerSlot,
        bytes32 head,
        bytes32[] calldata roots,
        HoldSig[] calldata holds
    ) external;

    // ---- slots

    /// Brings a slot's held state to its target with the supplier's signature; anyone may send it.
    function hold(bytes32 dataset, HoldSig calldata sig) external;
    /// Gives a free or reapable slot to a supplier that signs its target.
    function takeover(bytes32 dataset, uint16 slot, HoldSig calldata sig) external;
    /// Pays what all slots have earned so far; anyone may.
    function settle(bytes32 dataset) external returns (uint256 paid);
    /// Frees a slot whose supplier missed three windows in a row or whose term is over, for a small fee.
    function reap(bytes32 dataset, uint16 slot) external;

    // ---- the protocol itself

    /// The verdict on a supplier's proof: system transaction. `failed` are the numbers of the failed samples, ascending.
    function recordProof(address supplier, uint64 epoch, bytes32 seed, uint16[] calldata failed) external;

    // ---- views

    function offer(address supplier) external view returns (bool exists, Offer memory offer);
    function offerCount() external view returns (uint64);
    function offers(uint64 from, uint64 count) external view returns (OfferInfo[] memory);
    function supplier(address supplier) external view returns (SupplierInfo memory);
    function slotsOf(address supplier, uint64 from, uint64 count) external view returns (SupplierSlot[] memory);
    function dataset(bytes32 dataset) external view returns (DatasetInfo memory);
    function datasetCount(address owner) external view returns (uint64 own, uint64 given);
    /// First those the owner pays for, then those paid by others.
    function datasetsOf(address owner, uint64 from, uint64 count) external view returns (bytes32[] memory);
    function slot(bytes32 dataset, uint16 slot) external view returns (SlotInfo memory);
    function writers(bytes32 dataset) external view returns (WriterInfo[] memory);
    /// What a slot has earned since its last settlement, fee included.
    function pending(bytes32 dataset, uint16 slot) external view returns (uint256 paid);
    /// floor(rate * bytes * epochs / 2^30)
    function price(uint128 rate, uint64 bytesHeld, uint64 epochs) external view returns (uint256);

    // ---- logs

    event OfferRegistered(
        address indexed supplier,
        uint128 pricePerGibEpoch,
        uint128 egressPerGib,
        uint64 capacityBytes,
        uint64 maxTermEpochs,
        uint64 validUntil,
        bytes32 operator,
        string region,
        bytes peerId
    );
    event OfferWithdrawn(address indexed supplier);
    event CollateralDeposited(address indexed supplier, uint256 amount, uint256 free, uint256 reserved);
    event CollateralWithdrawn(address indexed supplier, uint256 amount, uint256 free, uint256 reserved);
    event DatasetCreated(
        bytes32 indexed dataset,
        address indexed owner,
        address indexed payer,
        uint8 k,
        uint8 n,
        uint8 visibility,
        uint64 startEpoch,
        uint64 endEpoch,
        uint128 priceCap,
        uint256 escrow
    );
    event Funded(bytes32 indexed dataset, address indexed from, uint256 amount, uint256 escrow);
    event Renewed(bytes32 indexed dataset, uint64 endEpoch, uint256 escrow);
    event SlotRenewed(
        bytes32 indexed dataset, uint16 indexed slot, address indexed supplier, uint64 endEpoch, uint256 deposit
    );
    event WriterSet(bytes32 indexed dataset, address indexed writer, uint64 quotaBytes, uint64 expiryEpoch);
    event Revised(
        bytes32 indexed dataset, uint64 indexed number, address indexed author, uint64 bytesPerSlot, bytes32 head
    );
    /// `epochProven`: the supplier's proof of `epoch` came before this log.
    event Held(
        bytes32 indexed dataset,
        uint16 indexed slot,
        address indexed supplier,
        uint64 number,
        uint64 bytesHeld,
        bytes32 root,
        uint128 rate,
        uint64 epoch,
        uint64 endEpoch,
        bool epochProven,
        uint256 deposit,
        uint256 reserve
    );
    event Proved(
        address indexed supplier,
        uint64 indexed epoch,
        uint64 provenEpochs,
        uint16 samples,
        uint16 failedSamples,
        uint64 dueBytes
    );
    event SampleFailed(
        bytes32 indexed dataset,
        uint16 indexed slot,
        address indexed supplier,
        uint64 epoch,
        uint16 samples,
        uint256 slashed,
        bool freed
    );
    event Settled(
        bytes32 indexed dataset,
        uint16 indexed slot,
        address indexed supplier,
        uint64 fromEpoch,
        uint64 toEpoch,
        uint64 provenEpochs,
        uint64 failedEpochs,
        uint128 rate,
        uint64 bytesHeld,
        uint256 paid,
        uint256 fee
    );
    /// `reason`: 1 ended, 2 term over, 3 windows missed, 4 fault declared, 5 failed twice.
    event SlotFreed(
        bytes32 indexed dataset,
        uint16 indexed slot,
        address indexed supplier,
        uint8 reason,
        uint64 epoch,
        uint256 penalty,
        uint256 reserveReleased,
        uint256 depositReturned,
        address finder,
        uint256 finderFee
    );
    event Ended(bytes32 indexed dataset, address indexed by, address indexed payer, uint256 refund);

    // ---- refusals: each carries the numbers that explain it

    error UnknownFunction(bytes4 selector);
    error BadArguments(bytes4 selector);
    error NotPayable(uint256 value);
    error ReadOnly(bytes4 selector);
    error NotSystem(address caller);
    error AmountTooLarge();
    error BrokenPromise(string what);

    error OfferHasExpired(address supplier, uint64 validUntil, uint64 height);
    error OfferStillValid(address supplier, uint64 validUntil, uint64 height);
    error BadOffer(string field, uint256 value, uint256 limit);
    error NoOffer(address supplier);
    error TooManyOffers(uint64 limit);
    error InsufficientCollateral(address supplier, uint256 needed, uint256 available);
    error NothingSent();

    error BadLayout(uint8 k, uint8 n);
    error BadVisibility(uint8 given);
    error BadTerm(uint64 epochs, uint64 limit);
    error NoOwner();
    error DatasetExists(bytes32 dataset);
    error NoSuchDataset(bytes32 dataset);
    error DatasetHasEnded(bytes32 dataset);
    error TermIsOver(bytes32 dataset, uint64 endEpoch, uint64 epoch);
    error TooManyDatasets(address owner, uint64 limit);
    error NotOwner(address caller, address owner);
    error NotOwnerOrPayer(address caller, address owner, address payer);
    error NotWriter(address caller, bytes32 dataset);
    error WriterHasExpired(address writer, uint64 expiryEpoch, uint64 epoch);
    error WriterQuotaExceeded(address writer, uint256 needed, uint256 available);
    error TooManyWriters(uint64 limit);
    error WrongNumber(uint64 expected, uint64 given);
    error WrongRootCount(uint256 expected, uint256 given);
    error TooManyHolds(uint256 limit, uint256 given);
    error SlotTooLarge(uint64 bytesPerSlot, uint64 limit);
    error ShrinkNeedsOwner(uint64 bytesNow, uint64 bytesWanted);
    error InsufficientEscrow(uint256 needed, uint256 available);

    error NoSuchSlot(uint16 slot, uint8 n);
    error SlotMismatch(uint16 asked, uint16 signed);
    error NothingToHold(bytes32 dataset);
    error SlotIsTaken(uint16 slot, address supplier);
    error SlotIsFree(uint16 slot);
    error HoldHasExpired(uint16 slot, uint64 validUntil, uint64 height);
    error HoldIsStale(uint16 slot, uint64 validUntil, uint64 lastValidUntil);
    error BadHoldSignature(uint16 slot, address supplier, address recovered);
    error RateAboveCap(uint16 slot, uint128 rate, uint128 cap);
    error TermAboveOffer(uint16 slot, uint64 epochs, uint64 limit);
    error CapacityExceeded(address supplier, uint256 needed, uint256 capacity);
    error TooManySlots(address supplier, uint64 limit);
    error AlreadyHoldsSlot(address supplier, uint16 slot);
    error NotSupplier(address caller, address supplier);
    error NotReapable(uint16 slot, uint64 missedWindows, uint64 needed, uint64 endEpoch);
    error SeedIsKnown(uint64 epoch, uint64 blockInEpoch, uint64 reveals);

    error WrongEpoch(uint64 given, uint64 epoch);
    error OutsideWindow(uint64 blockInEpoch, uint64 first, uint64 last);
    error AlreadyProven(address supplier, uint64 epoch);
    error NothingDue(address supplier, uint64 epoch);
    error BadVerdict(uint256 sample, uint256 samples);
}
