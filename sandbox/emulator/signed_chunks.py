"""A body sent in signed chunks: each signature covers its chunk and the signature before it.

AWS fact: `HEX;chunk-signature=SIGNATURE`, the chunk, and so on to a chunk of no bytes; with a trailer its
lines follow, signed like one more chunk by `x-amz-trailer-signature` (S3 API reference, "Signature
Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and "... Including
Trailing Headers").
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

_EMPTY = sha256(b"").hexdigest()
_HEAD = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})")
_TRAILER_SIGNATURE = b"x-amz-trailer-signature:"


@dataclass
class Chain:
    """The previous signature, which the next one covers. `sign` signs a text with the caller's key."""

    timestamp: str
    scope: str
    before: str
    sign: Callable[[str], str]

    def follows(self, algorithm: str, *hashes: str, signature: str) -> bool:
        """Whether the signature is the next one of the chain, and then the previous one of the next."""
        self.before = self.sign("\n".join([algorithm, self.timestamp, self.scope, self.before, *hashes]))
        return hmac.compare_digest(self.before, signature)


def match(body: bytes, chain: Chain, *, trailer: bool) -> bool:
    """Whether every chunk of the body, and its trailer, is signed correctly."""
    position = 0
    while (end := body.find(b"\r\n", position)) >= 0:
        head = _HEAD.fullmatch(body, position, end)
        if not head:
            return False
        size, start = int(head[1], 16), end + 2
        hashed = sha256(memoryview(body)[start : start + size]).hexdigest()
        if not chain.follows("AWS4-HMAC-SHA256-PAYLOAD", _EMPTY, hashed, signature=head[2].decode()):
            return False
        if size == 0:
            rest = body[start:]
            return _trailer_matches(rest, chain) if trailer else rest in (b"", b"\r\n")
        position = start + size + 2
    return False


def _trailer_matches(rest: bytes, chain: Chain) -> bool:
    lines = [line for line in rest.replace(b"\r\n", b"\n").split(b"\n") if line]
    if not lines or not lines[-1].startswith(_TRAILER_SIGNATURE):
        return False
    hashed = sha256(b"".join(line + b"\n" for line in lines[:-1])).hexdigest()
    signature = lines[-1].removeprefix(_TRAILER_SIGNATURE).strip().decode("latin-1")
    return chain.follows("AWS4-HMAC-SHA256-TRAILER", hashed, signature=signature)
