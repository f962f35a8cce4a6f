"""The orders of the shop: the same ones every time, and how each of them must end.

Most go through. Some meet a payment gateway that does not answer at once, some are wrong in a way
that no retry can fix.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

SEED: Final = 2013
PAYMENT_ATTEMPTS: Final = 4  # as in templates/process_order.yaml
LARGEST_BATCH: Final = 10_000
LARGE_ORDERS: Final = 1_000_000_000  # behind the numbers of all other orders


class Outcome(StrEnum):
    """How an order ends."""

    SHIPPED = "shipped"
    RETRIED = "shipped after a retry"
    INVALID_ADDRESS = "invalid address"
    OUT_OF_STOCK = "out of stock"
    CARD_DECLINED = "card declined"
    GATEWAY_DOWN = "gateway down"


@dataclass(frozen=True)
class Product:
    """Something to buy."""

    sku: str
    name: str
    cents: int


PRODUCTS: Final = (
    Product("book-log", "Pilot's logbook", 1295),
    Product("cup-prop", "Propeller mug", 1450),
    Product("kite-box", "Box kite", 2990),
    Product("map-1913", "Airway map of 1913", 3600),
    Product("model-dc3", "DC-3 model", 8900),
    Product("poster-lga", "LaGuardia poster", 2400),
    Product("socks-wing", "Winged socks", 990),
)
SCARCE: Final = Product("model-spirit", "Spirit of St. Louis", 24900)

CUSTOMERS: Final = (
    *("Ada", "Amelia", "Bessie", "Charles", "Edwin", "Grace", "Hugo", "Igor"),
    *("Jackie", "Katherine", "Louis", "Mae", "Orville", "Sally", "Valentina", "Wilbur"),
)
STREETS: Final = ("Broadway", "Canal St", "Houston St", "Mercer St", "Spring St", "Vesey St")
ZIP_CODES: Final = ("10001", "10013", "10025", "11201", "11215", "11377", "07030", "07102")


@dataclass(frozen=True)
class Order:
    """An order, which is also the context of its task, and its end.

    `scarce` orders want something of which there is too little: some of them, whichever are last,
    end out of stock instead.
    """

    context: dict[str, Any]
    outcome: Outcome
    scarce: bool

    @property
    def order_id(self) -> int:
        number: int = self.context["order_id"]
        return number

    @property
    def cents(self) -> int:
        """The price of it all."""
        return sum(item["cents"] * item["quantity"] for item in self.context["items"])

    def may_end(self, outcome: Outcome | None) -> bool:
        """Whether this is a right end. A lost connection or worker may cost a retry more."""
        if outcome is Outcome.OUT_OF_STOCK:
            return self.scarce
        return outcome is self.outcome or (outcome, self.outcome) == (
            Outcome.RETRIED,
            Outcome.SHIPPED,
        )


@dataclass(frozen=True)
class Batch:
    """The orders of a run, and what is delivered for them: a little less than they want."""

    orders: list[Order]
    deliveries: Counter[str]


def batch(run: int, count: int) -> Batch:
    """The orders of a run, by nothing but its number."""
    chance = random.Random(SEED + run)
    ends = _ends(count, chance)
    short = max(1, count // 100) if count >= 10 else 0
    plain = [number for number, end in enumerate(ends) if end is Outcome.SHIPPED]
    scarce = set(chance.sample(plain, 4 * short))
    orders = [
        _order(run * LARGEST_BATCH + number + 1, end, number in scarce, chance)
        for number, end in enumerate(ends)
    ]
    wanted = Counter[str]()
    for order in orders:
        for item in order.context["items"]:
            wanted[item["sku"]] += item["quantity"]
    wanted[SCARCE.sku] -= short
    return Batch(orders, +wanted)


def large(run: int) -> Order:
    """The order of a run that is above the limit of templates/large_order.yaml."""
    model = next(product for product in PRODUCTS if product.sku == "model-dc3")
    items = [{"sku": model.sku, "quantity": 12, "cents": model.cents}]
    context = {
        "order_id": LARGE_ORDERS + run,
        "customer": "Amelia",
        "address": {"street": "1 Vesey St", "zip": "10013"},
        "items": items,
        "payment": {"card": "tok_00000012", "gateway_says": ["ok"]},
        "total": f"{12 * model.cents / 100:,.2f} USD",
    }
    return Order(context, Outcome.SHIPPED, scarce=False)


def _ends(count: int, chance: random.Random) -> list[Outcome]:
    """So many of each kind, shuffled; from ten orders on, at least one of each."""
    few = min(1, count // 10)
    ends = [
        *[Outcome.RETRIED] * max(few, count // 7),
        *[Outcome.INVALID_ADDRESS] * max(few, count // 60),
        *[Outcome.CARD_DECLINED] * max(few, count // 75),
        *[Outcome.GATEWAY_DOWN] * max(few, count // 150),
    ]
    ends += [Outcome.SHIPPED] * (count - len(ends))
    chance.shuffle(ends)
    return ends


def _order(order_id: int, end: Outcome, scarce: bool, chance: random.Random) -> Order:
    products = chance.sample(PRODUCTS, chance.choice((1, 1, 2, 3)))
    items = [
        {"sku": product.sku, "quantity": chance.choice((1, 1, 1, 2, 3)), "cents": product.cents}
        for product in products
    ]
    if scarce:
        items.append({"sku": SCARCE.sku, "quantity": 1, "cents": SCARCE.cents})
    address = {
        "street": f"{chance.randrange(1, 400)} {chance.choice(STREETS)}",
        "zip": "00000" if end is Outcome.INVALID_ADDRESS else chance.choice(ZIP_CODES),
    }
    context = {
        "order_id": order_id,
        "customer": chance.choice(CUSTOMERS),
        "address": address,
        "items": items,
        "payment": {
            "card": f"tok_{chance.randrange(10**8):08}",
            "gateway_says": list(_gateway_answers(end, chance)),
        },
    }
    return Order(context, end, scarce)


def _gateway_answers(end: Outcome, chance: random.Random) -> Iterator[str]:
    """What the test gateway answers, attempt by attempt."""
    match end:
        case Outcome.RETRIED:
            for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
                yield chance.choice(("timed out", "503 busy"))
            yield "ok"
        case Outcome.CARD_DECLINED:
            yield "declined"
        case Outcome.GATEWAY_DOWN:
            yield from ["503 busy"] * PAYMENT_ATTEMPTS
        case _:
            yield "ok"
