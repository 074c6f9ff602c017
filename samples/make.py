"""Writes the samples: ``python -m samples.make``. The same bytes each time.

Beside the files it writes ``expected.json`` (what is to become of each) and ``README.md`` (what each one
shows).
"""

import json
from pathlib import Path

from samples import order
from samples.currencies import CURRENCIES
from samples.foreign import FOREIGN
from samples.german import GERMAN
from samples.sample import Sample
from samples.wrong import WRONG

HERE = Path(__file__).parent
IN_ORDER: tuple[Sample, ...] = (*GERMAN, *FOREIGN, *CURRENCIES)
ALL: tuple[Sample, ...] = (*IN_ORDER, *WRONG)

_README = """# Samples

{count} documents as they lie in a clerk's folder: `python3 dev.py run` checks them. They are invoices of our
own making; all companies are invented, VAT ids and IBANs are random numbers that pass their checks.

`python -m samples.make` writes the files, this page and `expected.json`; the same bytes each time.
`orders/` has an order and an invoice that bills it, which `python3 dev.py simulate devices` sends: see
`docs/goods-receipt.md`.
`python -m samples.generator 1000 --out FILE.zip` makes valid invoices in any number, for benchmarks.

A document is *valid* when no rule that decides is broken. Warnings leave it valid. A *duplicate* is valid
by itself and has supplier and number of another document of the folder.

## In order

{in_order}

## Not in order

{wrong}
"""


def main() -> None:
    """Write all files, and remove what lies in the folder and is no sample any more."""
    folder = HERE / "invoices"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in {sample.name for sample in ALL}:
            path.unlink()
    for sample in ALL:
        (folder / sample.name).write_bytes(sample.content())
    orders = HERE / "orders"
    orders.mkdir(exist_ok=True)
    for name, content in order.files().items():
        (orders / name).write_bytes(content)
    (HERE / "expected.json").write_text(expected(), encoding="utf-8")
    (HERE / "README.md").write_text(readme(), encoding="utf-8")
    print(f"{len(ALL)} samples in {folder}")


def expected() -> str:
    """Return the text of ``expected.json``: name -> outcome, rules found, and of what it is a duplicate."""
    outcomes = {
        sample.name: {
            "outcome": sample.outcome,
            "rules": sorted(sample.rules),
            **({"duplicate_of": sample.duplicate_of} if sample.duplicate_of else {}),
        }
        for sample in sorted(ALL, key=lambda sample: sample.name)
    }
    return json.dumps(outcomes, indent=2, ensure_ascii=False) + "\n"


def readme() -> str:
    """Return the text of ``README.md``."""
    return _README.format(count=len(ALL), in_order=_table(IN_ORDER), wrong=_table(WRONG))


def _table(samples: tuple[Sample, ...]) -> str:
    lines = ["| file | what it shows | outcome |", "| --- | --- | --- |"]
    for sample in samples:
        found = f": {', '.join(f'`{rule}`' for rule in sample.rules)}" if sample.rules else ""
        of = f" of `{sample.duplicate_of}`" if sample.duplicate_of else ""
        lines.append(f"| `{sample.name}` | {sample.shows} | {sample.outcome}{of}{found} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
