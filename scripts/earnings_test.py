#!/usr/bin/env python3
"""What scripts/earnings.py accepts and what it finds, on histories written by hand. Run: python3 scripts/earnings_test.py"""

import sys
import unittest

sys.dont_write_bytecode = True

from earnings import GIB, Auditor

DATASET, SUPPLIER, OTHER = "0x" + "ab" * 32, "0x" + "01" * 20, "0x" + "02" * 20
RATE = 1000


class History:
    """A chain in which SUPPLIER holds slot 0 with one GiB; each line is one transaction of a block of its own."""

    def __init__(self):
        self.audit = Auditor()
        self.height = 0
        self.count = 0

    def happen(self, *events):
        self.height += 1
        self.audit.events(self.height, events)
        return self

    def hold(self, epoch, end, *before, rate=RATE, supplier=SUPPLIER):
        held = ("Held", [DATASET, 0, supplier, 1, GIB, "0x", rate, epoch, end, False, 0, 0])
        return self.happen(*before, held)

    def prove(self, *epochs, failed=(), freed=()):
        for epoch in epochs:
            self.count += 1
            events = [("Proved", [SUPPLIER, epoch, self.count, 32, len(failed), GIB])]
            if epoch in failed:
                events.append(("SampleFailed", [DATASET, 0, SUPPLIER, epoch, 1, 5, epoch in freed]))
            if epoch in freed:
                events.extend(freed[epoch])
            self.happen(*events)
        return self

    def settle(self, *parts):
        return self.happen(*parts)

    def problems(self):
        return self.audit.problems


def paid(first, last, proven, failed=0, rate=RATE):
    """A part of a settlement, as the Market logs it."""
    price = rate * (proven - failed)
    return ("Settled", [DATASET, 0, SUPPLIER, first, last, proven, failed, rate, GIB, price, price // 100])


FREED = ("SlotFreed", [DATASET, 0, SUPPLIER, 2, 0, 0, 0, 0, "0x" + "00" * 20, 0])
RENEWED = ("SlotRenewed", [DATASET, 0, SUPPLIER, 50, 0])


class Lawful(unittest.TestCase):
    def check(self, history):
        self.assertEqual(history.problems(), [])

    def test_all_that_was_proved_is_paid(self):
        self.check(History().hold(1, 20).prove(2, 3, 4).settle(paid(2, 4, 3)).prove(5).settle(paid(5, 5, 1)))

    def test_what_is_not_settled_yet_is_no_difference(self):
        self.check(History().hold(1, 20).prove(2).settle(paid(2, 2, 1)).prove(3, 4))

    def test_the_anchor_epoch_is_paid_later_at_its_own_price(self):
        history = History().hold(1, 20).prove(2, 3).hold(4, 20, paid(2, 3, 2), rate=10)
        self.check(history.prove(4, 5).settle(paid(4, 4, 1), paid(5, 5, 1, rate=10)))

    def test_missed_and_failed_epochs_owe_nothing(self):
        self.check(History().hold(1, 20).prove(2, 4, 5, failed=(4,)).settle(paid(2, 5, 3, failed=1)))

    def test_a_slot_that_fails_twice_is_paid_and_freed_in_the_verdict(self):
        history = History().hold(1, 20).prove(2, 3, failed=(3,))
        self.check(history.prove(4, failed=(4,), freed={4: [paid(2, 4, 3, failed=2), FREED]}).prove(5, 6))

    def test_the_epoch_of_the_first_hold_and_what_is_behind_the_end_owe_nothing(self):
        self.check(History().hold(2, 4).prove(2, 3, 4, 5, 6).settle(paid(3, 4, 2)).happen(FREED))

    def test_a_slot_signed_again_after_its_term_begins_anew(self):
        history = History().hold(1, 3).prove(2, 3, 4, 5).hold(5, 20, paid(2, 3, 2)).prove(6)
        self.check(history.settle(paid(6, 6, 1)))

    def test_a_renewal_settles_and_lengthens(self):
        history = History().hold(1, 4).prove(2, 3).happen(paid(2, 3, 2), RENEWED)
        self.check(history.prove(4, 5, 6).settle(paid(4, 6, 3)))

    def test_proofs_the_ledger_has_forgotten_are_left_out(self):
        self.check(History().hold(1, 1000).prove(2, 3, 300).hold(301, 1000))

    def test_another_supplier_begins_with_nothing(self):
        history = History().hold(1, 20).prove(2).happen(paid(2, 2, 1), FREED).hold(3, 20, supplier=OTHER)
        self.check(history.prove(3, 4))


class Underpaid(unittest.TestCase):
    def check(self, history, *epochs):
        found = [problem for problem in history.problems() if f"leaves epochs {list(epochs)} of" in problem]
        self.assertEqual(len(found), 1, history.problems())

    def test_a_proved_epoch_that_is_skipped(self):
        self.check(History().hold(1, 20).prove(2, 3, 4).settle(paid(3, 4, 2)), 2)
        self.check(History().hold(1, 20).prove(2, 3, 4).settle(paid(2, 3, 2)), 4)

    def test_the_anchor_epoch_that_is_skipped(self):
        history = History().hold(1, 20).prove(2, 3).hold(4, 20, paid(2, 3, 2), rate=10)
        self.check(history.prove(4, 5).settle(paid(5, 5, 1, rate=10)), 4)

    def test_a_skipped_epoch_is_reported_once(self):
        history = History().hold(1, 20).prove(2, 3).settle(paid(3, 3, 1)).prove(4).settle(paid(4, 4, 1))
        self.check(history, 2)
        self.assertEqual(len(history.problems()), 1)

    def test_a_slot_freed_signed_or_renewed_without_its_pay(self):
        self.check(History().hold(1, 20).prove(2, 3).happen(FREED), 2, 3)
        self.check(History().hold(1, 20).prove(2, 3).hold(4, 20, rate=10), 2, 3)
        self.check(History().hold(1, 20).prove(2, 3).happen(RENEWED), 2, 3)

    def test_an_epoch_that_is_paid_twice(self):
        history = History().hold(1, 20).prove(2, 3).settle(paid(2, 3, 2)).settle(paid(3, 3, 1))
        self.assertTrue(any("twice" in problem for problem in history.problems()), history.problems())


if __name__ == "__main__":
    unittest.main()
