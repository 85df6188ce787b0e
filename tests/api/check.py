"""Starts a server, and has schemathesis hold it to its OpenAPI document."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
# Calls after which the credential is none any more.
LAST_CALLS = ["leave", "sign_out", "sign_out_everywhere", "change_password"]
# All requests come from one address.
LIMITS = ["SIGN_UPS_PER_ADDRESS", "SIGN_INS_PER_ADDRESS", "SIGN_INS_PER_USER", "JOINS_PER_ADDRESS",
          "JOINS_PER_USER", "DRAWS_PER_ADDRESS", "CONNECTIONS_PER_ADDRESS", "STREAMS_PER_ADDRESS",
          "STREAMS_PER_USER", "WRITES_PER_ADDRESS", "WRITES_PER_USER", "SEAT_POLLS_PER_ADDRESS",
          "SEAT_POLLS_PER_USER"]
OPERATOR = {"email": "op@example.com", "password": "operator password"}
BUYER = {"email": "buyer@example.com", "password": "a password of mine"}


class Shop:
    """A running server with a concert in it."""

    def __init__(self, binary, folder):
        environment = {f"STAGEDOOR_{limit}": "0" for limit in LIMITS}
        environment |= {"STAGEDOOR_LISTEN": "127.0.0.1:0", "STAGEDOOR_DRAIN_SECONDS": "0",
                        "STAGEDOOR_DATABASE_URL": "sqlite:stagedoor.db"}
        create = [binary, "user", "create", "--email", OPERATOR["email"], "--name", "Op", "--role", "admin"]
        run = {"cwd": folder, "env": environment}
        subprocess.run(create, input=OPERATOR["password"] + "\n", text=True, check=True, **run)
        self.folder = folder
        log = open(Path(folder) / "log", "w")
        self.process = subprocess.Popen([binary, "serve"], stdout=subprocess.PIPE, stderr=log, text=True, **run)
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.address = line.removeprefix("listening on ").strip()
                return
        sys.exit("the server did not start")

    def post(self, path, body, token=None):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def tokens(self):
        """A buyer's, a queue token's and an operator's credential, by name."""
        operator = self.post("/api/sessions", OPERATOR)["access_token"]
        concert = self.post("/api/admin/concerts", {
            "title": "Night Train", "venue": "Hall", "time_zone": "Asia/Seoul", "currency": "KRW",
            "max_seats_per_user": 4, "room": {"capacity": 100}}, operator)["concert_id"]
        sections = [{"name": "A", "grade": "R", "price": 1000, "rows": 4, "seats_per_row": 10}]
        self.post(f"/api/admin/concerts/{concert}/shows",
                  {"starts_at": "2035-05-01T11:00:00Z", "sections": sections}, operator)
        self.post("/api/users", BUYER | {"name": "Buyer"})
        buyer = self.post("/api/sessions", BUYER)["access_token"]
        queue = self.post("/api/queue_tokens", {"concert_id": concert}, buyer)["token"]
        return {"no": None, "buyer": buyer, "queue": queue, "operator": operator}


def check(shop, token):
    """Whether the server keeps to its document for who has that token."""
    schemathesis = Path(sys.executable).parent / "schemathesis"
    command = [schemathesis, "run", f"{shop.address}/openapi.json", "--checks", ",".join(CHECKS),
               "--phases", "examples,coverage,fuzzing", "--max-examples", os.environ.get("API_EXAMPLES", "5"),
               "--seed", "1", "--warnings", "off", "--suppress-health-check", "all", "--no-color",
               "--request-timeout", "20", "--continue-on-failure"]
    for call in LAST_CALLS:
        command += ["--exclude-operation-id", call]
    # An event stream has no end.
    command += ["--exclude-operation-id", "events"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    # What it keeps for its next run is in its folder.
    done = subprocess.run(command, cwd=shop.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout.replace(token or "\0", "…"))
    return done.returncode == 0


def main():
    binary = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(binary, folder)
        try:
            tokens = shop.tokens()
            with ThreadPoolExecutor() as at_once:
                checked = at_once.map(lambda token: check(shop, token), tokens.values())
                kept = dict(zip(tokens, checked))
        finally:
            shop.process.terminate()
            shop.process.wait()
    for name, holds in kept.items():
        print(f"the API's document with {name} credential: {'holds' if holds else 'BROKEN'}")
    passed = sum(kept.values())
    print(f"{passed} passed, {len(kept) - passed} failed")
    sys.exit(passed < len(kept))


main()
