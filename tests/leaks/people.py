"""Who takes part in the scenes: invented people with a name of their own each, so that where one turns up is seen."""

import csv

# What there is of each person: themselves, their household, and what they came for.
FIELDS = {
    "Contact": ["FirstName", "LastName", "Birthdate", "Email", "Phone", "MailingStreet", "MailingCity"],
    "Account": ["Name", "Phone", "BillingStreet"],
    "Case": ["Subject", "SuppliedName", "SuppliedEmail"],
}
FIRST = ["Wilbur", "Agnes", "Osric", "Petra", "Lorcan", "Ysolde", "Magnus", "Tamsin"]
LAST = ["Ambrose", "Bellweather", "Catterick", "Dunsany", "Ellerby", "Farquhar", "Gillespie", "Hathersage"]


def invented(kind, count):
    """Rows of people; `kind` is part of every family name, so that the two kinds cannot be taken for each other."""
    for number in range(count):
        given, family = FIRST[number % len(FIRST)], f"{LAST[number // len(FIRST) % len(LAST)]}{kind}{letters(number)}"
        yield {
            "FirstName": given,
            "LastName": family,
            "Birthdate": f"{1931 + number % 70}-{1 + number % 12:02}-{1 + number % 28:02}",
            "Email": f"{given}.{family}@mail.{family}.example".lower(),
            "Phone": f"+1 205 {200 + number % 700} {1000 + number * 7 % 9000}",
            "MailingStreet": f"{11 + number} {family} Lane",
            "MailingCity": "Selma",
        }


def letters(number):
    """A number in letters: digits in a name would say that it is invented, which is not what is tested here."""
    text = ""
    for _ in range(3):
        text = chr(ord("a") + number % 26) + text
        number //= 26
    return text


def about(thing, person):
    """The row of one object that is about a person."""
    if thing == "Account":
        return {"Name": f"{person['LastName']} household", "Phone": person["Phone"], "BillingStreet": person["MailingStreet"]}
    if thing == "Case":
        name = f"{person['FirstName']} {person['LastName']}"
        return {"Subject": f"Visit of {person['LastName']}", "SuppliedName": name, "SuppliedEmail": person["Email"]}
    return person


def write(path, thing, rows):
    """A table of one object, as a data loader takes it."""
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, FIELDS[thing], lineterminator="\n")
        writer.writeheader()
        writer.writerows(about(thing, row) for row in rows)


def read(path):
    """The rows of a marked table, each column by its name."""
    with open(path, newline="", encoding="utf-8") as given:
        return list(csv.DictReader(given))
