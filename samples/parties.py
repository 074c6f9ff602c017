"""The companies of the samples. All are invented; numbers are random ones that pass their checks."""

from samples.document import Party


def _party(
    name: str, address: str, country: str, vat_id: str | None, account: str | None, *more: str
) -> Party:
    """Make a company; ``address`` is "street, post code, city", ``more`` contact, phone, e-mail and BIC."""
    street, post_code, city = address.split(", ")
    contact, phone, email, bic = (*more, "", "", "", "")[:4]
    return Party(
        name, street, post_code, city, country, vat_id,
        account=account, contact=contact, phone=phone, email=email, bic=bic or None,
    )  # fmt: skip


# Germany
NORDLICHT = _party(
    "Nordlicht Bürobedarf GmbH", "Hafenstraße 12, 24103, Kiel", "DE", "DE690593538", "DE89894245451824849205",
    "Wiebke Hansen", "+49 431 5550120", "rechnung@nordlicht-buero.example", "NOLADE21KIE",
)  # fmt: skip
STADTWERKE = _party(
    "Stadtwerke Auental AöR", "Am Wehr 1, 88131, Auental", "DE", "DE583490896", "DE22033332792480196322",
    "Kundenservice Geschäftskunden", "+49 8382 555900", "geschaeftskunden@sw-auental.example",
)  # fmt: skip
KELLER = _party(
    "Keller & Roth Ingenieure PartG mbB", "Goethestraße 45, 70174, Stuttgart", "DE", "DE112459009",
    "DE81199543494306896484", "Dr. Jana Keller", "+49 711 5553377", "buero@keller-roth.example",
    "SOLADEST600",
)  # fmt: skip
BUCHHANDLUNG = _party(
    "Buchhandlung am Markt e.K.", "Marktplatz 3, 07743, Jena", "DE", "DE402120232", "DE24799218038211535259",
    "Uwe Langner", "+49 3641 555018", "bestellung@buch-am-markt.example",
)  # fmt: skip
MASCHINENBAU = _party(
    "Brenner Maschinenbau GmbH & Co. KG", "Industriering 8, 59557, Lippstadt", "DE", "DE324044034",
    "DE27620414455717882756", "Export-Abteilung", "+49 2941 555700", "export@brenner-mb.example",
    "WELADED1LIP",
)  # fmt: skip
TELEKOM = _party(
    "Leitwerk Telefon GmbH", "Ringbahnstraße 90, 12103, Berlin", "DE", "DE596697783",
    "DE09084380079013184577", "Rechnungsservice", "+49 30 5550999", "rechnung@leitwerk.example",
)  # fmt: skip
FOTOGRAF = Party(
    "Lichtblick Fotografie Mara Voss", "Gartenweg 7", "29223", "Celle", "DE",
    tax_number="17/247/55501", legal_id=("Gewerberegister Celle 2019/0417", None),
    account="DE72757915175225913693", contact="Mara Voss",
    phone="+49 5141 555273", email="hallo@lichtblick.example",
)  # fmt: skip
AKADEMIE = _party(
    "Akademie für Pflegeberufe gGmbH", "Lindenallee 20, 34117, Kassel", "DE", "DE436260616",
    "DE23049889221614891339", "Seminarbüro", "+49 561 555140", "seminare@pflege-akademie.example",
)  # fmt: skip
VERTRETUNG = _party(
    "Handelsvertretung Ole Petersen e.K.", "Deichweg 2, 25813, Husum", "DE", "DE344357095",
    "DE48561929691563493995", "Ole Petersen", "+49 4841 555 88", "kontor@ole-petersen.example",
)  # fmt: skip
TISCHLEREI = _party(
    "Tischlerei Lehmann GmbH", "Am Holzplatz 6, 23560, Lübeck", "DE", "DE764844303", "DE20666966140116974724",
    "Werkstatt", "+49 451 555312", "post@tischlerei-lehmann.example",
)  # fmt: skip

# Other countries
DUBOIS = Party(
    "Atelier Dubois SARL", "18 rue des Tanneurs", "67000", "Strasbourg", "FR", "FR70079316014",
    legal_id=("079316014", "0002"), account="FR0452477662823145526821181", bic="CEPAFRPP670",
    contact="Claire Dubois", phone="+33 3 55 55 01 20", email="compta@atelier-dubois.example",
)  # fmt: skip
HOTEL = _party(
    "Hotel Seeblick Ebner KG", "Uferpromenade 4, 6900, Bregenz", "AT", "ATU09010880", "AT824430669670457610",
    "Rezeption", "+43 5574 555", "office@seeblick-ebner.example",
)  # fmt: skip
DEVRIES = _party(
    "De Vries Transport B.V.", "Waalhaven 101, 3089 JH, Rotterdam", "NL", "NL197224751B40",
    "NL95TEST6491096264", "Joris de Vries", "+31 10 555 0142", "facturen@devries-transport.example",
)  # fmt: skip
SVEA = _party(
    "Svea Kontorsmaterial AB", "Kungsgatan 30, 111 35, Stockholm", "SE", "SE905347781701",
    "SE3691374071919037600132", "Ekonomi", "+46 8 555 123 00", "faktura@svea-kontor.example",
)  # fmt: skip
WISLA = _party(
    "Zakłady Metalowe Wisła Sp. z o.o.", "ul. Fabryczna 22, 31-553, Kraków", "PL", "PL0259075963",
    "PL86306942459776616446886637", "Księgowość", "+48 12 555 44 10", "faktury@zm-wisla.example",
)  # fmt: skip
ROSSI = _party(
    "Studio Rossi Design S.r.l.", "Via Tortona 15, 20144, Milano", "IT", "IT56085120287",
    "IT82X5505969242441947394579", "Amministrazione", "+39 02 5550 4411", "fatture@studio-rossi.example",
)  # fmt: skip
OLIVA = _party(
    "Aceites Oliva del Sur S.L.", "Calle del Molino 9, 23700, Linares", "ES", "ESB62633946",
    "ES7056638777776609141992", "Administración", "+34 953 555 210", "facturas@olivadelsur.example",
)  # fmt: skip
BRABO = _party(
    "Brabo Catering NV", "Scheldelaan 77, 2030, Antwerpen", "BE", "BE0169172552", "BE50969730206018",
    "Boekhouding", "+32 3 555 08 80", "boekhouding@brabo-catering.example",
)  # fmt: skip
CLADDAGH = _party(
    "Claddagh Books & Prints Ltd", "Quay Street 14, H91 F2P3, Galway", "IE", "IE1464502A",
    "IE21TEST17190420672865", "Accounts", "+353 91 555 012", "accounts@claddagh-books.example",
)  # fmt: skip
MOSELLE = _party(
    "Moselle Consulting S.à r.l.", "Boulevard Royal 40, 2449, Luxembourg", "LU", "LU32699711",
    "LU510115030653486105", "Billing", "+352 555 123", "billing@moselle-consulting.example",
)  # fmt: skip
SUNDET = _party(
    "Sundet Software ApS", "Havnegade 39, 1058, København", "DK", "DK15604085", "DK1006579889810143",
    "Fakturering", "+45 55 55 01 01", "faktura@sundet.example",
)  # fmt: skip
MORAVA = _party(
    "Morava Sklo s.r.o.", "Nádražní 88, 602 00, Brno", "CZ", "CZ41581466", "CZ5148146963073757578579",
    "Fakturace", "+420 555 120 300", "fakturace@morava-sklo.example",
)  # fmt: skip
ALPENBLICK = _party(
    "Alpenblick Verlag AG", "Seestrasse 110, 8002, Zürich", "CH", "CHE689145933MWST", "CH2589509110096092839",
    "Buchhaltung", "+41 44 555 20 20", "buchhaltung@alpenblick-verlag.example",
)  # fmt: skip
LAKESIDE = Party(
    "Lakeside Analytics Inc.", "500 W Madison Street", "60661", "Chicago", "US",
    legal_id=("36-5550142", None), account="DE98150629379425205110", contact="Accounts Receivable",
    phone="+1 312 555 0142", email="ar@lakeside-analytics.example",
)  # fmt: skip

# Who the invoices are sent to
HANSA = _party(
    "Hansa Werkzeuge GmbH", "Speicherstraße 5, 23552, Lübeck", "DE", "DE535847084", "DE51390429014675074919",
    "Einkauf", "+49 451 555600", "rechnungseingang@hansa-werkzeuge.example",
)  # fmt: skip
LANDRATSAMT = Party(
    "Landratsamt Auental", "Schlossplatz 2", "88131", "Auental", "DE", email="rechnung@kreis-auental.example"
)  # fmt: skip
LYON = _party(
    "Hansa Outillage SAS", "12 quai Rambaud, 69002, Lyon", "FR", "FR86924794662", None, "Comptabilité",
    "+33 4 55 55 07 07", "factures@hansa-outillage.example",
)  # fmt: skip
BOSTON = Party(
    "Harbor Tooling LLC", "21 Drydock Avenue", "02210", "Boston", "US", email="ap@harbor-tooling.example"
)  # fmt: skip
LEITWEG_ID = "08435-LRA-67"
