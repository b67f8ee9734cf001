"""DescribeVpcEndpoints with an endpoint's policy, security groups, private DNS and names.

AWS fact: VpcEndpoint carries `policyDocument`, `groupSet` and `privateDnsEnabled` (EC2 API reference,
"VpcEndpoint"). MiniStack stores them but does not return them. An interface endpoint has its own names.
CloudFormation returns them as DnsEntries, each a hosted zone's id, a colon and a name, beginning with the
endpoint's own (CloudFormation template reference, "AWS::EC2::VPCEndpoint"); MiniStack returns none. Nothing
in the sandbox runs in a network: an endpoint's policy has no effect here, and its name does not resolve.
"""

import json
from typing import Any
from xml.sax.saxutils import escape

from sandbox.emulator.seam import Seam

FIELDS = Seam("services.ec2", "_vpce_fields_xml", "645fd486d62227a3")
ATTRIBUTES = Seam("services.cloudformation.provisioners", "_ec2_vpc_endpoint_attributes", "d515af3a8d8a7eac")
SEAMS = (FIELDS, ATTRIBUTES)

HOSTED_ZONE = "Z1HUB23UULQXV"  # from the example of the template reference


def install() -> None:
    """Return the endpoint's settings and its names."""
    fields, attributes = FIELDS.check(), ATTRIBUTES.check()

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

    def named(endpoint: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = attributes(endpoint)
        if endpoint["VpcEndpointType"] != "Interface":
            return found
        # com.amazonaws.REGION.SERVICE
        *_, region, service = endpoint["ServiceName"].split(".")
        identifier = endpoint["VpcEndpointId"]
        name = f"{identifier}-{identifier[-8:]}.{service}.{region}.vpce.amazonaws.com"
        return {**found, "DnsEntries": [f"{HOSTED_ZONE}:{name}"]}

    FIELDS.replace(described)
    ATTRIBUTES.replace(named)
