#!/usr/bin/env python3
"""Recomputes what each supplier earned, to the grain, from nothing but a chain's receipts and docs/market-rule.md.

    scripts/earnings.py [--rpc URL] [--report demo.json] [--json]

It walks all blocks' receipts, decodes the Market's logs itself, and holds every settlement against the rule: which epochs
it covers, at which price, with which failures. Which epochs are owed it derives from the proofs and verdicts alone: whenever
a slot is settled, signed again, renewed or freed, each epoch owed so far must have been paid, once. Then it sums up what each
supplier got, and shows gas apart. With --report it compares the sums with the figures of `bitdust devnet --demo --json` as
well. Exits with 1 if anything differs.
"""

import argparse
import json
import sys
import urllib.request
from collections import defaultdict

MARKET = "0x00000000000000000000000000000000b17d0001"
GIB = 1 << 30
FEE_DIVISOR = 100
# The ledger remembers so many epochs of a supplier's proofs; a slot left alone for longer may lawfully be paid less.
REMEMBERED_EPOCHS = 256

# The Market's events as in ledger/abi/Market.sol: each argument with its type, indexed ones marked by '*'.
EVENTS = {
    "Held": "bytes32* uint16* address* uint64 uint64 bytes32 uint128 uint64 uint64 bool uint256 uint256",
    "SlotRenewed": "bytes32* uint16* address* uint64 uint256",
    "Proved": "address* uint64* uint64 uint16 uint16 uint64",
    "SampleFailed": "bytes32* uint16* address* uint64 uint16 uint256 bool",
    "Settled": "bytes32* uint16* address* uint64 uint64 uint64 uint64 uint128 uint64 uint256 uint256",
    "SlotFreed": "bytes32* uint16* address* uint8 uint64 uint256 uint256 uint256 address uint256",
}


def keccak256(data: bytes) -> bytes:
    """Keccak-256 (FIPS 202's permutation with the original padding)."""
    mask = (1 << 64) - 1
    lanes = [[0] * 5 for _ in range(5)]
    rate = 136
    padded = bytearray(data) + b"\x01"
    padded += b"\x00" * (-len(padded) % rate)
    padded[-1] |= 0x80

    def rotate(value, by):
        return ((value << by) | (value >> (64 - by))) & mask if by else value

    def permute(a):
        lfsr = 1
        for _ in range(24):
            c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
            d = [c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
            a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
            x, y, current = 1, 0, a[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                current, a[x][y] = a[x][y], rotate(current, (t + 1) * (t + 2) // 2 % 64)
            for y in range(5):
                row = [a[x][y] for x in range(5)]
                for x in range(5):
                    a[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & mask)
            for j in range(7):
                if lfsr & 1:
                    a[0][0] ^= 1 << ((1 << j) - 1)
                lfsr = ((lfsr << 1) ^ ((lfsr >> 7) * 0x171)) & 0xFF
        return a

    for start in range(0, len(padded), rate):
        for i in range(rate // 8):
            word = int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
            lanes[i % 5][i // 5] ^= word
        lanes = permute(lanes)
    return b"".join(lanes[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


TOPICS = {}
for name, arguments in EVENTS.items():
    types = [argument.rstrip("*") for argument in arguments.split()]
    TOPICS["0x" + keccak256(f"{name}({','.join(types)})".encode()).hex()] = name


def decode(log):
    """An event's name and arguments; None for events that don't matter here."""
    name = TOPICS.get(log["topics"][0]) if log["topics"] else None
    if name is None or log["address"].lower() != MARKET:
        return None
    topics = iter(log["topics"][1:])
    data = bytes.fromhex(log["data"][2:])
    words = iter(data[i : i + 32] for i in range(0, len(data), 32))
    values = []
    for argument in EVENTS[name].split():
        word = bytes.fromhex(next(topics)[2:]) if argument.endswith("*") else next(words)
        kind = argument.rstrip("*")
        if kind == "address":
            values.append("0x" + word[12:].hex())
        elif kind == "bytes32":
            values.append("0x" + word.hex())
        else:
            values.append(int.from_bytes(word, "big"))
    return name, values


class Chain:
    def __init__(self, url):
        self.url = url

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as response:
            answer = json.load(response)
        if "error" in answer:
            sys.exit(f"{method}: {answer['error']['message']}")
        return answer["result"]


class Slot:
    """What the logs have said of one slot."""

    def __init__(self):
        self.supplier = None
        self.prices = []  # (epoch in which it was agreed, rate, bytes), oldest first
        self.failed = set()  # epochs in which a sample failed
        self.paid = set()  # epochs that a settlement has covered
        self.missed = set()  # epochs that were owed and not paid, once they are reported
        self.start = 0  # only epochs after this one are owed
        self.end = 0
        self.touched = 0  # the epoch of the last touch, or an earlier one

    def price_at_start_of(self, epoch):
        """Rate and bytes as they stood when the epoch began: changes count from the next epoch on."""
        known = [(rate, size) for agreed, rate, size in self.prices if agreed < epoch]
        return known[-1] if known else (0, 0)

    def unpaid(self, proved):
        """Epochs of this tenancy that are owed by the proofs so far and that nothing has paid."""
        within = (epoch for epoch in proved if self.start < epoch <= self.end)
        settled = self.failed | self.paid | self.missed
        return {epoch for epoch in within if epoch not in settled and self.price_at_start_of(epoch)[1] > 0}

    def is_forgotten(self, proved):
        """True if some proofs may be too long ago for the ledger to know."""
        newest = max(proved, default=0)
        return newest - self.touched >= REMEMBERED_EPOCHS or newest - self.end > REMEMBERED_EPOCHS


class Auditor:
    def __init__(self):
        self.slots = defaultdict(Slot)
        self.proved = defaultdict(set)  # supplier -> proven epochs
        self.earned = defaultdict(int)
        self.fees = defaultdict(int)
        self.gas = defaultdict(int)
        self.settlements = 0
        self.problems = []

    def receipt(self, height, receipt):
        paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        self.gas[receipt["from"].lower()] += paid
        self.events(height, filter(None, map(decode, receipt["logs"])))

    def events(self, height, events):
        """Takes in what one transaction did."""
        settled = {}
        for name, arguments in events:
            if name == "Settled":
                settled[tuple(arguments[:2])] = self.slots[tuple(arguments[:2])].supplier
            getattr(self, name)(height, *arguments)
        # A settlement has up to two logs, so it is complete only now. One that freed its slot was looked at then.
        for (dataset, slot), supplier in settled.items():
            if self.slots[dataset, slot].supplier == supplier:
                self.owes_nothing(height, "the settlement", dataset, slot)

    def owes_nothing(self, height, what, dataset, slot):
        """A touch of a slot pays all that was owed before it."""
        state = self.slots[dataset, slot]
        proved = self.proved[state.supplier]
        missed = state.unpaid(proved)
        if missed and not state.is_forgotten(proved):
            where = f"{what} of slot {slot} of {dataset[:10]} in block {height}"
            self.problems.append(f"{where}: leaves epochs {sorted(missed)} of {state.supplier} unpaid, which are owed")
        state.missed |= missed

    def Held(self, height, dataset, slot, supplier, number, size, root, rate, epoch, end, proven, deposit, reserve):
        state = self.slots[dataset, slot]
        if state.supplier != supplier:
            state.__init__()
            state.supplier = supplier
            state.start = epoch
        self.owes_nothing(height, "the new hold", dataset, slot)
        if epoch > state.end:
            # The slot's own term had run out: what came after it, and this epoch, owe nothing.
            state.start = epoch
        state.prices.append((epoch, rate, size))
        state.end = end
        state.touched = epoch

    def SlotRenewed(self, height, dataset, slot, supplier, end, deposit):
        self.owes_nothing(height, "the renewal", dataset, slot)
        self.slots[dataset, slot].end = end

    def Proved(self, height, supplier, epoch, count, samples, failed, size):
        self.proved[supplier].add(epoch)
        self.expect(height, f"proven epochs of {supplier}", len(self.proved[supplier]), count)

    def SampleFailed(self, height, dataset, slot, supplier, epoch, samples, slashed, freed):
        self.slots[dataset, slot].failed.add(epoch)

    def SlotFreed(self, height, dataset, slot, supplier, *rest):
        self.owes_nothing(height, "the release", dataset, slot)
        self.slots[dataset, slot].__init__()

    def Settled(self, height, dataset, slot, supplier, first, last, proven, failed, rate, size, paid, fee):
        state = self.slots[dataset, slot]
        where = f"settlement of slot {slot} of {dataset[:10]} in block {height}"
        covered = [epoch for epoch in self.proved[supplier] if first <= epoch <= last]
        if set(covered) & state.paid:
            self.problems.append(f"{where}: pays epochs {sorted(set(covered) & state.paid)} twice")
        state.paid.update(covered)
        lost = len([epoch for epoch in covered if epoch in state.failed])
        self.expect(height, f"{where}: supplier", state.supplier, supplier)
        self.expect(height, f"{where}: proven epochs {first} to {last}", len(covered), proven)
        self.expect(height, f"{where}: failed epochs", lost, failed)
        prices = {state.price_at_start_of(epoch) for epoch in covered}
        if len(prices) != 1:
            self.problems.append(f"{where}: covers epochs of {len(prices)} prices")
        for known_rate, known_size in prices:
            self.expect(height, f"{where}: rate", known_rate, rate)
            self.expect(height, f"{where}: bytes", known_size, size)
            expected = known_rate * known_size * (len(covered) - lost) // GIB
            self.expect(height, f"{where}: pay", expected, paid)
            self.expect(height, f"{where}: fee", expected // FEE_DIVISOR, fee)
            self.earned[supplier] += expected - expected // FEE_DIVISOR
            self.fees[supplier] += expected // FEE_DIVISOR
        if covered and max(covered) > state.end:
            self.problems.append(f"{where}: pays beyond the term's end {state.end}")
        state.touched = max(state.touched, last)
        self.settlements += 1

    def expect(self, height, what, mine, theirs):
        if mine != theirs:
            self.problems.append(f"block {height}: {what}: the rule gives {mine}, the chain says {theirs}")


def dust(grains):
    text = f"{grains // 10**18}.{grains % 10**18:018}".rstrip("0").rstrip(".")
    return f"{text} DUST"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rpc", default="http://127.0.0.1:8545", help="a node's JSON-RPC address")
    parser.add_argument("--report", help="the JSON of a demo, to compare with")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()

    chain, audit = Chain(options.rpc), Auditor()
    tip = int(chain.call("eth_blockNumber"), 16)
    if options.report:
        # What was settled after the report is none of its figures.
        with open(options.report) as file:
            report = json.load(file)
        tip = report["settlement"]["height"]
    for height in range(1, tip + 1):
        for receipt in chain.call("eth_getBlockReceipts", hex(height)):
            audit.receipt(height, receipt)

    if options.report:
        for line in report["settlement"]["suppliers"]:
            supplier = line["supplier"].lower()
            audit.expect(tip, f"earned by {supplier}", audit.earned[supplier], int(line["earned"]))
            audit.expect(tip, f"fee of {supplier}", audit.fees[supplier], int(line["fee"]))
            audit.expect(tip, f"gas of {supplier}", audit.gas[supplier], int(line["gas"]))
    result = {
        "blocks": tip,
        "settlements": audit.settlements,
        "suppliers": {
            supplier: {"earned": str(audit.earned[supplier]), "fee": str(audit.fees[supplier]), "gas": str(audit.gas[supplier])}
            for supplier in sorted(audit.earned)
        },
        "problems": audit.problems,
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{audit.settlements} settlements in {tip} blocks")
        for supplier, line in result["suppliers"].items():
            print(f"{supplier}: earned {dust(int(line['earned']))}, fee {dust(int(line['fee']))}, gas {dust(int(line['gas']))} apart")
        for problem in audit.problems:
            print(f"DIFFERENCE {problem}")
    if audit.problems or not audit.settlements:
        sys.exit(1)


if __name__ == "__main__":
    main()
