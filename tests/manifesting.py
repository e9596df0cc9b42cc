"""Manifests as text, as short as they can be: for tests that write folders."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence


def service(
    name: str, address: str = "None", *, namespace: str = "ns", ports: Sequence[int] = (80,)
) -> str:
    """A Service with a ClusterIP, or headless without."""
    listed = ", ".join(f"{{name: p{port}, port: {port}, protocol: TCP}}" for port in ports)
    return textwrap.dedent(f"""\
        apiVersion: v1
        kind: Service
        metadata: {{name: {name}, namespace: {namespace}}}
        spec: {{clusterIP: {address}, ports: [{listed}]}}
        ---
        """)


def endpoints(
    name: str, addresses: Iterable[str], *, namespace: str = "ns", ready: bool = True
) -> str:
    """An EndpointSlice of a Service."""
    conditions = f"conditions: {{ready: {str(ready).lower()}}}"
    rows = "".join(f"- {{addresses: [{address}], {conditions}}}\n" for address in addresses)
    return (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
        f"metadata: {{name: {name}-1, namespace: {namespace}, "
        f"labels: {{kubernetes.io/service-name: {name}}}}}\n"
        f"endpoints:\n{rows}ports: [{{name: p80, port: 80, protocol: TCP}}]\n---\n"
    )


def headless(name: str, count: int, *, namespace: str = "ns") -> str:
    """A headless Service with that many endpoints, from 10.200.0.1 on."""
    return service(name, namespace=namespace) + endpoints(
        name, [address(number, "10.200") for number in range(1, count + 1)], namespace=namespace
    )


def address(number: int, network: str = "10.100") -> str:
    """The address number `number` of a network of 16 bits."""
    return f"{network}.{number >> 8}.{number & 255}"


def many(count: int, network: str = "10.100") -> str:
    """Services s0, s1, … whose addresses are numbered like them."""
    return "".join(service(f"s{number}", address(number, network)) for number in range(count))


def federations(text: str = "fellowship=example.com") -> str:
    """The kube-dns ConfigMap."""
    return textwrap.dedent(f"""\
        apiVersion: v1
        kind: ConfigMap
        metadata: {{name: kube-dns, namespace: kube-system}}
        data: {{federations: "{text}"}}
        ---
        """)
