"""A Java trust store with the sandbox's certificate authority."""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509 import load_pem_x509_certificate

_PASSWORD = "not-a-secret"  # noqa: S105  a trust store contains no secret but must have a password


def write_trust_store(authority: Path, store: Path) -> list[str]:
    """Write a trust store with a PEM certificate. Returns the Java options to use it."""
    certificate = load_pem_x509_certificate(authority.read_bytes())
    store.write_bytes(
        pkcs12.serialize_java_truststore(
            [pkcs12.PKCS12Certificate(certificate, b"sandbox")],
            BestAvailableEncryption(_PASSWORD.encode()),
        )
    )
    return [f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}"]
