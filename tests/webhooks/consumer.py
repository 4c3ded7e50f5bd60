"""A consumer of webhooks that believes nothing but the `standardwebhooks` library."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ACK = (
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse '
    b'xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>'
)


class Consumer:
    """Takes what is signed with its secret, once for each `webhook-id`; can be told to be out of order."""

    def __init__(self, secret):
        self.secret, self.events, self.seen, self.refused, self.status = secret, [], set(), 0, 200
        consumer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(consumer.take(dict(self.headers.items()), body))

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(ACK)))
                self.end_headers()
                self.wfile.write(ACK)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers, body):
        try:
            # Outbound messages are XML; the library would read JSON after it has verified, so only its verdict is taken.
            verify(self.secret, headers, body)
        except WebhookVerificationError:
            self.refused += 1
            return 401
        if self.status != 200:
            return self.status
        name = lower(headers)["webhook-id"]
        if name not in self.seen:
            self.seen.add(name)
            self.events.append((lower(headers), body))
        return 200

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def verify(secret, headers, body):
    """Raises if the library does not accept the signature."""
    try:
        Webhook(secret).verify(body, headers)
    except ValueError:
        # It verifies first and reads JSON then: what is not JSON came this far with a good signature.
        pass


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}
