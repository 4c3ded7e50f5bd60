"""Signatures of HTTP messages, made and checked by a program that we did not write.

    pip install http-message-signatures==3.0.0 requests
    python tests/signatures/peer.py write            # fixtures/signature/peer.json: what it signs, for our tests
    python tests/signatures/peer.py check FILE...    # what we signed: a vector file with `key` (JWK) and `vectors`

It reads the keys of RFC 9421 from fixtures/signature/rfc9421.json.
"""

import base64
import datetime
import json
import pathlib
import sys
from unittest.mock import patch

import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
MADE = datetime.datetime.fromtimestamp(1_795_000_000, datetime.timezone.utc)


class Then(datetime.datetime):
    """The moment of the vectors, so that the signature alone is asked about."""

    @classmethod
    def now(cls, tz=None):
        return MADE.astimezone(tz) if tz else MADE.astimezone().replace(tzinfo=None)


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Keys(HTTPSignatureKeyResolver):
    """Keys as the vector files have them."""

    def __init__(self, keys):
        self.keys = keys

    def resolve_private_key(self, key_id):
        key = self.keys[key_id]
        if "secret" in key:
            return base64.b64decode(key["secret"])
        secret = unpadded(key["jwk"]["d"])
        if key["jwk"]["kty"] == "OKP":
            return ed25519.Ed25519PrivateKey.from_private_bytes(secret)
        return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())

    def resolve_public_key(self, key_id):
        key = self.keys[key_id]
        if "secret" in key:
            return base64.b64decode(key["secret"])
        if key["jwk"]["kty"] == "OKP":
            return ed25519.Ed25519PublicKey.from_public_bytes(unpadded(key["jwk"]["x"]))
        numbers = [int.from_bytes(unpadded(key["jwk"][name]), "big") for name in ("x", "y")]
        return ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()


ALGORITHMS = {
    "test-key-ed25519": algorithms.ED25519,
    "test-key-ecc-p256": algorithms.ECDSA_P256_SHA256,
    "test-shared-secret": algorithms.HMAC_SHA256,
}

LISTS = {
    "derived": ("@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"),
    "parameter and field": ('"@query-param";name="q"', "date", "content-digest"),
    "structured": ('"content-digest";sf', '"priority";key="u"', '"priority";sf'),
    "binary": ('"x-odd";bs', "@method"),
}


def message():
    made = requests.Request("POST", "https://gateway.example/a/b%2Fc?q=one+two&r=3", data=b"{}").prepare()
    made.headers.clear()
    made.headers.update(
        {
            "Host": "gateway.example",
            "Date": "Sun, 22 Nov 2026 05:00:00 GMT",
            "Content-Digest": "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:",
            "Priority": "u=03,   i=?1",
            "X-Odd": "a, b",
        }
    )
    return made


def write():
    keys = Keys(json.loads((ROOT / "fixtures/signature/rfc9421.json").read_text())["keys"])
    vectors = []
    for key, algorithm in ALGORITHMS.items():
        for name, components in LISTS.items():
            made = message()
            fields = list(made.headers.items())
            HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=keys).sign(
                made,
                key_id=key,
                covered_component_ids=components,
                created=MADE,
                label="peer",
                nonce="n-1",
                tag="peer-test",
                use_existing_digest=True,
            )
            vectors.append(
                {
                    "name": f"{name}, {key}",
                    "key": key,
                    "input": made.headers["Signature-Input"],
                    "signature": made.headers["Signature"],
                    "request": {
                        "method": "POST",
                        "scheme": "https",
                        "authority": "gateway.example",
                        "target": "/a/b%2Fc?q=one+two&r=3",
                        "fields": fields,
                    },
                    "response": None,
                }
            )
    text = json.dumps({"vectors": vectors}, indent=1) + "\n"
    (ROOT / "fixtures/signature/peer.json").write_text(text)
    print(f"{len(vectors)} messages signed")


def check(file):
    written = json.loads(pathlib.Path(file).read_text())
    keys = Keys({key["kid"]: {"jwk": key} for key in written["keys"]})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    for vector in written["vectors"]:
        request = vector["request"]
        made = requests.Request(
            request["method"], f"{request['scheme']}://{request['authority']}{request['target']}"
        ).prepare()
        made.headers.clear()
        made.headers.update({name: value for name, value in request["fields"]})
        made.body = vector.get("body", "").encode()
        holds = True
        try:
            with patch("http_message_signatures.signatures.datetime.datetime", Then):
                verifier.verify(made, max_age=datetime.timedelta(days=1))
        except HTTPMessageSignaturesException as error:
            holds, reason = False, error
        if holds != vector["signature_holds"]:
            sys.exit(f"{vector['name']}: {reason if not holds else 'holds, and should not'}")
        print(f"{vector['name']}: {'holds' if holds else 'refused'}, as it should")


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write()
    elif sys.argv[1:2] == ["check"]:
        for file in sys.argv[2:]:
            check(file)
    else:
        sys.exit(__doc__)
