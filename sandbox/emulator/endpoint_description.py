"""DescribeVpcEndpoints with the policy, the security groups and the private DNS of an endpoint.

AWS fact: VpcEndpoint carries `policyDocument`, `groupSet` and `privateDnsEnabled` (EC2 API reference,
"VpcEndpoint"). MiniStack keeps them and does not answer them. Nothing in the sandbox runs in a network, so an
endpoint's policy decides nothing here.
"""

import json
from typing import Any
from xml.sax.saxutils import escape

from sandbox.emulator.seam import Seam

FIELDS = Seam("services.ec2", "_vpce_fields_xml", "645fd486d62227a3")
SEAMS = (FIELDS,)


def install() -> None:
    """Answer what the endpoint was made with."""
    fields = FIELDS.check()

    def described(endpoint: dict[str, Any], tag: str = "item") -> str:
        policy = endpoint.get("PolicyDocument")
        text = policy if isinstance(policy, str) else json.dumps(policy) if policy else ""
        groups = "".join(
            f"<item><groupId>{escape(group)}</groupId></item>"
            for group in endpoint.get("SecurityGroupIds", [])
        )
        private = str(endpoint.get("PrivateDnsEnabled", False)).lower()
        more = (
            f"<policyDocument>{escape(text)}</policyDocument><groupSet>{groups}</groupSet>"
            f"<privateDnsEnabled>{private}</privateDnsEnabled>"
        )
        head, end, _ = str(fields(endpoint, tag)).rpartition(f"</{tag}>")
        return f"{head}{more}{end}"

    FIELDS.replace(described)
