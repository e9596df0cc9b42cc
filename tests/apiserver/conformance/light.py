"""The steps of lightkube; `clients` runs them."""

from __future__ import annotations

from typing import Any

import lightkube
import yaml
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Service
from lightkube.types import CascadeType, PatchType

from tests.apiserver.conformance.refusing import refused


class Light:
    """lightkube."""

    def __init__(self, client: lightkube.Client, namespace: str) -> None:
        self._client = client
        self._ns = namespace

    def _config(self, name: str, **data: str) -> ConfigMap:
        metadata = ObjectMeta(name=name, namespace=self._ns, labels={"by": "light"})
        return ConfigMap(metadata=metadata, data=data)

    def crud(self) -> list[Any]:
        client, ns = self._client, self._ns
        made = client.create(self._config("one", a="1"))
        made.data = {"a": "2"}
        replaced = client.replace(made)
        stale = self._config("one")
        assert made.metadata
        assert stale.metadata
        stale.metadata.resourceVersion = made.metadata.resourceVersion
        patched = client.patch(ConfigMap, "one", {"data": {"b": "3"}}, namespace=ns)
        merged = client.patch(
            ConfigMap, "one", {"data": {"b": None}}, namespace=ns, patch_type=PatchType.MERGE
        )
        return [
            made.to_dict(), replaced.to_dict(), patched.data, merged.data,
            refused(client.create, self._config("one")), refused(client.replace, stale),
            refused(client.get, ConfigMap, "none", namespace=ns),
            client.delete(ConfigMap, "one", namespace=ns, cascade=CascadeType.FOREGROUND),
        ]  # fmt: skip

    def apply(self) -> list[Any]:
        client, ns = self._client, self._ns
        metadata = ObjectMeta(name="svc", namespace=ns)
        http, dns = (
            ServicePort(port=80, name="http"),
            ServicePort(port=53, name="dns", protocol="UDP"),
        )
        first = client.apply(Service(metadata=metadata, spec=ServiceSpec(ports=[http, dns])))
        second = client.apply(Service(metadata=metadata, spec=ServiceSpec(ports=[http])))
        taken = Service(metadata=metadata, spec=ServiceSpec(ports=[
            ServicePort(port=80, name="web", protocol="TCP")]))  # fmt: skip
        return [
            first.to_dict(), [port.name for port in second.spec.ports],
            refused(client.apply, taken, field_manager="other"),
            client.apply(taken, field_manager="other", force=True).spec.ports[0].name,
        ]  # fmt: skip

    def lists(self) -> list[Any]:
        client, ns = self._client, self._ns
        for name in ("a", "b", "c"):
            client.create(self._config(name))
        pages = list(client.list(ConfigMap, namespace=ns, labels={"by": "light"}, chunk_size=1))
        named = list(client.list(ConfigMap, namespace=ns, fields={"metadata.name": "b"}))
        client.deletecollection(ConfigMap, namespace=ns)
        left = list(client.list(ConfigMap, namespace=ns))
        return [
            [one.metadata.name for one in pages], [one.metadata.name for one in named],
            [one.metadata.name for one in left],
        ]  # fmt: skip

    def watches(self) -> list[Any]:
        client, ns = self._client, self._ns
        version = client.create(self._config("before")).metadata.resourceVersion
        client.create(self._config("seen"))
        client.delete(ConfigMap, "seen", namespace=ns)
        events = client.watch(ConfigMap, namespace=ns, resource_version=version, server_timeout=1)
        found: list[Any] = []
        for kind, one in events:
            found.append([kind, one.metadata.name])
            if len(found) == 2:
                break
        return found

    def status(self) -> list[Any]:
        client = self._client
        space = client.get(Namespace, self._ns)
        balanced = {"spec": {"type": "LoadBalancer"}}
        client.patch(Service, "svc", balanced, namespace=self._ns)
        loaded = client.patch(
            Service.Status, "svc", namespace=self._ns,
            obj={"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.3"}]}}},
        )  # fmt: skip
        return [
            space.status.phase,
            loaded.to_dict()["status"],
            yaml.safe_dump(space.spec.to_dict()),
        ]
