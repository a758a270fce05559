"""Stands in for a company's token service, so that people can push: a name and a password for a token that the registries take.

It knows one user, `pusher`, and grants what is asked. It is here to try the sites with, not to run them.
"""
import base64, hmac, http.server, json, os, ssl, subprocess, time, urllib.parse

RUN = "/run/tokens/"
PASSWORD = open(RUN + "pusher").read().strip()
CHAIN = ["".join(open(RUN + "token.crt").read().split("-----")[2].split())]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(der):
    """An ECDSA signature as JWT writes it: two numbers of 32 bytes, out of the DER that openssl gives."""
    first = der[4:4 + der[3]]
    second = der[6 + der[3]:]
    return b"".join(int.from_bytes(n, "big").to_bytes(32, "big") for n in (first, second))


def token(service, scopes):
    access = []
    for scope in " ".join(scopes).split():
        kind, rest = scope.split(":", 1)
        name, actions = rest.rsplit(":", 1)
        access.append({"type": kind, "name": name, "actions": actions.split(",")})
    now = int(time.time())
    claims = {"iss": "geodr", "sub": "pusher", "aud": service, "nbf": now - 10, "iat": now, "exp": now + 300, "jti": os.urandom(12).hex(), "access": access}
    signed = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT", "x5c": CHAIN}, claims))
    made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", RUN + "token.key"], input=signed.encode(), stdout=subprocess.PIPE, check=True)
    return signed + "." + b64(raw(made.stdout))


class Realm(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)
        sent = self.headers.get("Authorization", "")
        expected = "Basic " + base64.b64encode(("pusher:" + PASSWORD).encode()).decode()
        if url.path != "/token":
            self.answer(404, {})
        elif not hmac.compare_digest(sent.encode(), expected.encode()):
            self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "give the name and the password of pusher"}]})
        else:
            try:
                made = token(query.get("service", [""])[0], query.get("scope", []))
            except ValueError:
                self.answer(400, {"errors": [{"code": "DENIED", "message": "a scope is type:name:actions"}]})
            else:
                self.answer(200, {"token": made, "access_token": made, "expires_in": 300})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="geodr"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


server = http.server.ThreadingHTTPServer(("0.0.0.0", 8440), Realm)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(RUN + "tls.crt", RUN + "tls.key")
# The handshake belongs to the connection's own thread: one silent client must not hold the others.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
