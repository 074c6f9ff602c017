"""Valid invoices in any number, for benchmarks: ``python -m samples.generator 1000 --out FILE.zip``.

UBL invoices, UBL credit notes and CII of 6 to 10 KB, from a few dozen suppliers in eleven countries. Equal
arguments give equal bytes; no two documents of one seed, or of two seeds, have the same number.
"""

import argparse
import random
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from samples import parties as p
from samples.cii import to_cii
from samples.document import CORE, CREDIT_TRANSFER, PROCESS, AllowanceCharge, Document, Line, Party
from samples.ubl import to_ubl

# Name, town, post code, country, VAT id, IBAN.
_MORE_SUPPLIERS = (
    ("Elbtal Schrauben GmbH", "Dresden", "01067", "DE", "DE594262643", "DE72757915175225913693"),
    ("Kontor Süd Logistik GmbH", "München", "80331", "DE", "DE342213694", "DE98150629379425205110"),
    ("Provence Emballage SAS", "Avignon", "84000", "FR", "FR22036344125", "FR9203137302187614221154475"),
    ("Métallerie Garnier SARL", "Lille", "59000", "FR", "FR61411588056", "FR8828864239080948261350098"),
    ("Bretagne Plastique SA", "Rennes", "35000", "FR", "FR38735352676", "FR5094970177694425664000268"),
    ("Zuidas Papier B.V.", "Amsterdam", "1082 MD", "NL", "NL223348235B72", "NL43TEST7748630032"),
    ("Noordzee Verpakking B.V.", "Den Helder", "1781 AA", "NL", "NL054172913B34", "NL49TEST9674671139"),
    ("Veluwe Techniek B.V.", "Apeldoorn", "7311 AA", "NL", "NL400528447B60", "NL63TEST9792278634"),
    ("Donau Stahlhandel GmbH", "Linz", "4020", "AT", "ATU14188840", "AT724616132041741848"),
    ("Karnten Holz KG", "Villach", "9500", "AT", "ATU64759559", "AT265261718051600992"),
    ("Tirol Seile GmbH", "Innsbruck", "6020", "AT", "ATU72373923", "AT337483173276669546"),
    ("Officine Ferri S.p.A.", "Brescia", "25121", "IT", "IT03644790309", "IT65X9490513361857549852709"),
    ("Ceramica Lupo S.r.l.", "Faenza", "48018", "IT", "IT50223090585", "IT47X2539341949306683440905"),
    ("Herramientas Duero S.A.", "Zamora", "49001", "ES", "ESB60030137", "ES0756471707608609416224"),
    ("Textiles Nervión S.L.", "Bilbao", "48001", "ES", "ESB58904640", "ES7720411459164621475103"),
    ("Mazury Meble Sp. z o.o.", "Olsztyn", "10-001", "PL", "PL9769166853", "PL53339627679948958937116799"),
    ("Norrland Trä AB", "Umeå", "903 25", "SE", "SE488541458301", "SE1676904032523842694555"),
    ("Maas Chemie NV", "Luik", "4000", "BE", "BE0223061396", "BE64802484846452"),
    ("Ardenne Matériaux SA", "Luxembourg", "1116", "LU", "LU13154200", "LU429024293310202350"),
    ("Saimaa Paperi Oy", "Lappeenranta", "53100", "FI", "FI20225514", "FI2740606871844640"),
    ("Turku Marine Oy", "Turku", "20100", "FI", "FI12815354", "FI1920182032168836"),
    ("Porto Cortiça Lda.", "Porto", "4000-001", "PT", "PT599689250", "PT92760470465956458787988"),
    ("Balaton Üveg Kft.", "Siófok", "8600", "HU", "HU09446454", "HU69651105249478014153080924"),
)
_GOODS = (
    ("Sechskantschraube M8x40, verzinkt", "CEN", "7.95"),
    ("Kugellager 6204-2RS", "H87", "4.35"),
    ("Kartonage 400 x 300 x 200", "H87", "0.89"),
    ("Stretchfolie, Rolle 300 m", "H87", "9.20"),
    ("Arbeitshandschuhe Größe 9", "PR", "3.60"),
    ("Hydrauliköl HLP 46, 20 l", "H87", "61.50"),
    ("Schleifscheibe 125 mm, Korn 80", "H87", "1.48"),
    ("Blech S235, 2 mm, Zuschnitt", "KGM", "2.37"),
    ("Kabelbinder 200 mm, schwarz", "CEN", "2.10"),
    ("LED-Leuchte 60 W, neutralweiß", "H87", "48.90"),
    ("Eichenbohle, gehobelt", "MTR", "17.40"),
    ("Etiketten 100 x 50, Rolle", "H87", "6.75"),
)
_SERVICES = (
    ("Montage vor Ort", "HUR", "64.00"),
    ("Fracht", "C62", "185.00"),
    ("Konstruktion und Zeichnung", "HUR", "92.00"),
    ("Wartung, Pauschale", "C62", "310.00"),
)


def _supplier(name: str, city: str, post_code: str, country: str, vat_id: str, account: str) -> Party:
    email = "rechnung@" + "".join(c for c in name.lower().split()[0] if c.isascii()) + ".example"
    return Party(
        name, "Industriestraße 1", post_code, city, country, vat_id,
        account=account, contact="Buchhaltung", phone="+49 555 0100", email=email,
    )  # fmt: skip


SUPPLIERS: tuple[Party, ...] = (
    *(p.NORDLICHT, p.KELLER, p.BUCHHANDLUNG, p.MASCHINENBAU, p.TISCHLEREI, p.DUBOIS, p.HOTEL, p.DEVRIES),
    *(p.SVEA, p.WISLA, p.ROSSI, p.OLIVA, p.BRABO, p.MOSELLE, p.SUNDET, p.MORAVA),
    *(_supplier(*row) for row in _MORE_SUPPLIERS),
)
BUYERS: tuple[Party, ...] = (
    p.HANSA,
    replace(p.HANSA, name="Hansa Logistik GmbH", street="Kaistraße 20", email="post@hansa-logistik.example"),
    replace(p.HANSA, name="Hansa Handel GmbH", street="Mühlendamm 3", email="post@hansa-handel.example"),
)


def generate(count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) of so many valid documents, one in memory at a time."""
    rng = random.Random(seed)  # noqa: S311 - a benchmark, not a secret
    for n in range(1, count + 1):
        document = _document(rng, n, seed)
        write = to_cii if _is_cii(n) else to_ubl
        yield f"{n:06d}_{document.seller.name.split()[0]}.xml", write(document)


def _is_cii(n: int) -> bool:
    return n % 3 == 0


def _document(rng: random.Random, n: int, seed: int) -> Document:
    seller, buyer = rng.choice(SUPPLIERS), rng.choice(BUYERS)
    issued = date(2025, 1, 2) + timedelta(days=rng.randrange(180))
    goods = rng.random() < 0.7
    category = "S" if seller.country == buyer.country else "K" if goods else "AE"
    is_credit_note = rng.random() < 0.08
    # CII says more words about a line than UBL, so it gets fewer lines to be of the same size.
    count = rng.randint(2, 3) if _is_cii(n) else rng.randint(3, 5)
    lines = tuple(_line(rng, goods, category) for _ in range(count))
    return Document(
        f"{'GS' if is_credit_note else 'RE'}{seed}-{n:07d}",
        issued,
        seller,
        buyer,
        lines,
        due=issued + timedelta(days=rng.choice((14, 30, 60))),
        type_code="381" if is_credit_note else "380",
        profile=CORE,
        process=PROCESS,
        buyer_reference=rng.choice(("Einkauf", "Werkstatt", "Lager 2")),
        order=f"HW-{rng.randrange(80_000, 99_999)}",
        contract=rng.choice((None, "RV-2024-11", "RV-2023-07")),
        preceding=(f"RE{seed}-{n:07d}", issued - timedelta(days=9)) if is_credit_note else None,
        delivered=issued - timedelta(days=rng.randrange(1, 9)),
        deliver_to=buyer if category == "K" else None,
        allowances=_freight(rng, lines[0]),
        means=CREDIT_TRANSFER,
        payment_reference=f"{n:010d}",
        terms="Zahlbar innerhalb der angegebenen Frist ohne Abzug.",
    )


def _line(rng: random.Random, goods: bool, category: str) -> Line:
    name, unit, price = rng.choice(_GOODS if goods else _SERVICES)
    rate = Decimal(rng.choice((19, 19, 19, 7))) if category == "S" else Decimal(0)
    return Line(
        name,
        Decimal(rng.randrange(1, 400 if goods else 40)),
        unit,
        Decimal(price) + Decimal(rng.randrange(0, 200)) / 100,
        rate,
        category,
        article=f"A-{rng.randrange(10_000, 99_999)}",
        description=rng.choice((None, "Laut Auftragsbestätigung", "Teillieferung, Rest folgt")),
    )


def _freight(rng: random.Random, like: Line) -> tuple[AllowanceCharge, ...]:
    if rng.random() > 0.3:
        return ()
    amount = Decimal(rng.randrange(590, 4900)) / 100
    return (AllowanceCharge(amount, "Versand", "FC", like.rate, like.category, is_charge=True),)


def main() -> None:
    """Write a zip of so many documents."""
    parser = argparse.ArgumentParser(description="Make a zip of valid invoices.")
    parser.add_argument("count", type=int, help="how many documents")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.zip")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other documents (default: 1)")
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in generate(arguments.count, arguments.seed):
            # A ZipInfo made by hand carries the date 1980-01-01, so equal arguments make equal files.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    print(f"{arguments.count} documents, {arguments.out.stat().st_size / 1_000_000:.1f} MB: {arguments.out}")


if __name__ == "__main__":
    main()
