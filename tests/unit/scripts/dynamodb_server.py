"""DynamoDB's wire in memory: a few operations over HTTP, for a client in another process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Wire(BaseHTTPRequestHandler):
    """Answers DescribeTable, keeps every other call."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One call."""
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, Any] = {}
        if operation == "DescribeTable":
            answer = {
                "Table": {
                    "TableName": request["TableName"],
                    "TableStatus": "ACTIVE",
                    "TableArn": f"arn:aws:dynamodb:us-east-1:111111111111:table/{request['TableName']}",
                    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                }
            }
        else:
            self.server.calls.append((operation, request))  # type: ignore[attr-defined]
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def dynamodb() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Serve while the block lasts: the endpoint, and the calls as they come."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Wire)
    server.calls = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.calls  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
