"""The doors of the duel: each a way to write one person, as the parts of a request that a trick can bend."""

import json
from html import escape

import places

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"


class Try:
    """One request on its way: method, target, header fields, and a body as bytes with what it is made of."""

    def __init__(self, method, target, kind, body, record=None, wrap=None):
        self.method, self.target, self.kind, self.body = method, target, kind, body
        # For JSON: the record, and what puts it into the whole body, so that a trick can bend the one inside the other.
        self.record, self.wrap = record, wrap
        self.headers = []
        # What has to be asked after the try, so that the org does what it was sent.
        self.after = None


def json_door(method, target, wrap):
    def make(_place, row, _number):
        record = places.as_json("Contact", row)
        return Try(method, target, "application/json", wrap(json.dumps(record)).encode(), json.dumps(record), wrap)

    return make


def bulk_two(place, row, _number):
    job = place.behind("POST", f"{places.DATA}/jobs/ingest", {"object": "Contact", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"}, through=True)
    target = f"{places.DATA}/jobs/ingest/{job['id']}"
    made = Try("PUT", f"{target}/batches", "text/csv", table(row))
    made.after = ("PATCH", target, {"state": "UploadComplete"})
    return made


def bulk_one(content):
    def make(place, row, _number):
        info = {"operation": "insert", "object": "Contact", "contentType": content}
        job = place.behind("POST", "/services/async/65.0/job", info, through=True, headers=[("X-SFDC-Session", place.session)])
        target = f"/services/async/65.0/job/{job['id']}/batch"
        if content == "CSV":
            made = Try("POST", target, "text/csv", table(row))
        elif content == "JSON":
            record = json.dumps(flat(row))
            made = Try("POST", target, "application/json", f"[{record}]".encode(), record, lambda text: f"[{text}]")
        else:
            made = Try("POST", target, "application/xml", f'<?xml version="1.0" encoding="UTF-8"?><sObjects xmlns="{NAMESPACE}"><sObject>{xml(row)}</sObject></sObjects>'.encode())
        made.headers = [("X-SFDC-Session", place.session)]
        return made

    return make


def soap(place, row, _number):
    body = '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com" ' \
        f'xmlns:o="urn:sobject.partner.soap.sforce.com"><e:Header><urn:SessionHeader><urn:sessionId>{place.session}</urn:sessionId></urn:SessionHeader></e:Header>' \
        f'<e:Body><urn:create><urn:sObjects><o:type>Contact</o:type>{xml(row, "o:")}</urn:sObjects></urn:create></e:Body></e:Envelope>'
    made = Try("POST", "/services/Soap/u/65.0", "text/xml; charset=UTF-8", body.encode())
    made.headers = [("SOAPAction", '""')]
    return made


def form(place, row, number):
    part = json.dumps({"Title": f"Duel {number}", "PathOnClient": "Contact.csv"})
    body = f'--edge\r\nContent-Disposition: form-data; name="entity_content"\r\nContent-Type: application/json\r\n\r\n{part}\r\n--edge\r\n' \
        'Content-Disposition: form-data; name="VersionData"; filename="Contact.csv"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() \
        + table(row) + b"\r\n--edge--\r\n"
    return Try("POST", f"{places.DATA}/sobjects/ContentVersion", "multipart/form-data; boundary=edge", body)


def flat(row):
    record = places.as_json("Contact", row)
    return {name: value for name, value in record.items() if name not in ("attributes", "Eosin_Dataset__r")}


def table(row):
    quoted = lambda value: '"' + value.replace('"', '""') + '"' if any(c in value for c in ',"\n') else value
    return f"{','.join(row)}\n{','.join(quoted(value) for value in row.values())}\n".encode()


def xml(row, prefix=""):
    return "".join(f"<{prefix}{name}>{escape(value)}</{prefix}{name}>" for name, value in row.items() if name != places.DATASET)


def graphql(_place, row, _number):
    record = json.dumps({"Contact": flat(row)})
    wrap = lambda text: '{"query":"mutation m($i: ContactCreateInput!) { uiapi { ContactCreate(input: $i) { Record { Id } } } }","variables":{"i":%s}}' % text
    return Try("POST", f"{places.DATA}/graphql", "application/json", wrap(record).encode(), record, wrap)


def ui(_place, row, _number):
    record = json.dumps(flat(row))
    wrap = lambda text: '{"apiName":"Contact","fields":%s}' % text
    return Try("POST", f"{places.DATA}/ui-api/records", "application/json", wrap(record).encode(), record, wrap)


DOORS = {
    "sobjects": json_door("POST", f"{places.DATA}/sobjects/Contact", lambda record: record),
    "collection": json_door("POST", f"{places.DATA}/composite/sobjects", lambda record: '{"allOrNone":false,"records":[%s]}' % record),
    "tree": json_door("POST", f"{places.DATA}/composite/tree/Contact",
                      lambda record: '{"records":[%s]}' % record.replace('"type": "Contact"', '"type":"Contact","referenceId":"r"', 1)),
    "composite": json_door("POST", f"{places.DATA}/composite",
                           lambda record: '{"compositeRequest":[{"method":"POST","url":"%s/sobjects/Contact","referenceId":"r","body":%s}]}' % (places.DATA, record)),
    "graph": json_door("POST", f"{places.DATA}/composite/graph",
                       lambda record: '{"graphs":[{"graphId":"g","compositeRequest":[{"method":"POST","url":"%s/sobjects/Contact","referenceId":"r","body":%s}]}]}'
                       % (places.DATA, record)),
    "batch": json_door("POST", f"{places.DATA}/composite/batch",
                       lambda record: '{"batchRequests":[{"method":"POST","url":"v65.0/sobjects/Contact","richInput":%s}]}' % record),
    "bulk 2.0": bulk_two,
    "bulk 1 CSV": bulk_one("CSV"),
    "bulk 1 JSON": bulk_one("JSON"),
    "bulk 1 XML": bulk_one("XML"),
    "SOAP": soap,
    "UI API": ui,
    "GraphQL": graphql,
    "file": form,
}

# Doors by which production lets nobody in: the row of a file carries no mark, whatever is in the file.
SHUT = {"file"}
