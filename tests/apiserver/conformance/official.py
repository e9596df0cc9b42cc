"""The steps of the official Python client and of its dynamic client; `clients` runs them."""

from __future__ import annotations

from typing import Any

import kubernetes
import kubernetes.dynamic

from tests.apiserver.conformance.refusing import refused


class Official:
    """The official client."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api = api
        self._ns = namespace
        self._core = kubernetes.client.CoreV1Api(api)
        self._apps = kubernetes.client.AppsV1Api(api)

    def _shown(self, found: Any) -> Any:
        return self._api.sanitize_for_serialization(found)

    def _config(self, name: str, **data: str) -> Any:
        metadata = kubernetes.client.V1ObjectMeta(name=name, labels={"by": "official"})
        return kubernetes.client.V1ConfigMap(metadata=metadata, data=data)

    def crud(self) -> list[Any]:
        core, ns = self._core, self._ns
        made = core.create_namespaced_config_map(ns, self._config("one", a="1"))
        made.data["b"] = "2"
        stale = core.read_namespaced_config_map("one", ns)
        replaced = core.replace_namespaced_config_map("one", ns, made)
        stale.data["c"] = "3"
        return [
            self._shown(made), self._shown(replaced),
            refused(core.create_namespaced_config_map, ns, self._config("one")),
            refused(core.replace_namespaced_config_map, "one", ns, stale),
            refused(core.read_namespaced_config_map, "none", ns),
            self._shown(core.delete_namespaced_config_map("one", ns)),
            refused(core.delete_namespaced_config_map, "one", ns),
        ]  # fmt: skip

    def patches(self) -> list[Any]:
        core, ns = self._core, self._ns
        core.create_namespaced_config_map(ns, self._config("patched", a="1"))
        labelled = {"metadata": {"labels": {"x": "y"}}}
        json_patch = [{"op": "add", "path": "/data/b", "value": "2"}]
        applied = {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "patched"},
            "data": {"a": "9"},
        }  # fmt: skip
        apply = {"_content_type": "application/apply-patch+yaml", "field_manager": "me"}
        patch = core.patch_namespaced_config_map
        return [
            self._shown(patch("patched", ns, json_patch).data),
            self._shown(patch("patched", ns, {"data": {"c": "3"}}).data),
            refused(patch, "patched", ns, applied, **apply),
            self._shown(patch("patched", ns, applied, force=True, **apply)),
            self._shown(core.patch_namespace(ns, labelled).metadata.labels),
        ]  # fmt: skip

    def lists(self) -> list[Any]:
        core, ns = self._core, self._ns
        for name in ("la", "lb", "lc"):
            core.create_namespaced_config_map(ns, self._config(name))
        chosen = {"label_selector": "by=official", "limit": 2}
        first = core.list_namespaced_config_map(ns, **chosen)
        rest = core.list_namespaced_config_map(ns, _continue=first.metadata._continue, **chosen)
        delete = core.delete_collection_namespaced_config_map
        everywhere = core.list_config_map_for_all_namespaces(field_selector="metadata.name=lb")
        return [
            [item.metadata.name for item in first.items],
            [item.metadata.name for item in rest.items],
            [item.metadata.namespace for item in everywhere.items],
            refused(core.list_namespaced_config_map, ns, label_selector="a==="),
            self._shown(delete(ns, label_selector="by=official")),
            len(core.list_namespaced_config_map(ns).items),
        ]  # fmt: skip

    def watches(self) -> list[Any]:
        core, ns = self._core, self._ns
        version = core.list_namespaced_config_map(ns).metadata.resource_version
        core.create_namespaced_config_map(ns, self._config("seen"))
        core.patch_namespaced_config_map("seen", ns, {"data": {"a": "1"}})
        core.delete_namespaced_config_map("seen", ns)
        watch = kubernetes.watch.Watch()
        options = {"resource_version": version, "timeout_seconds": 1}
        events = watch.stream(core.list_namespaced_config_map, ns, **options)
        return [[event["type"], self._shown(event["object"].data)] for event in events]

    def workloads(self) -> list[Any]:
        ns = self._ns
        container = kubernetes.client.V1Container(name="c", image="i:1")
        labels = {"app": "web"}
        template = kubernetes.client.V1PodTemplateSpec(
            metadata=kubernetes.client.V1ObjectMeta(labels=labels),
            spec=kubernetes.client.V1PodSpec(containers=[container]),
        )
        spec = kubernetes.client.V1DeploymentSpec(
            selector=kubernetes.client.V1LabelSelector(match_labels=labels), template=template
        )
        metadata = kubernetes.client.V1ObjectMeta(name="web")
        body = kubernetes.client.V1Deployment(metadata=metadata, spec=spec)
        apps = self._apps
        made = apps.create_namespaced_deployment(ns, body, dry_run="All")
        apps.create_namespaced_deployment(ns, body)
        scale = apps.patch_namespaced_deployment_scale("web", ns, {"spec": {"replicas": 3}})
        status = apps.patch_namespaced_deployment_status("web", ns, {"status": {"replicas": 2}})
        read = apps.read_namespaced_deployment_scale("web", ns)
        deleted = apps.delete_namespaced_deployment("web", ns, propagation_policy="Background")
        return [self._shown(one) for one in (made, scale, status.status, read, deleted)]

    def others(self) -> list[Any]:
        review = kubernetes.client.AuthenticationV1Api(self._api).create_self_subject_review(
            kubernetes.client.V1SelfSubjectReview()
        )
        version = kubernetes.client.VersionApi(self._api).get_code()
        apis = kubernetes.client.ApisApi(self._api).get_api_versions()
        names = {"apps", "batch", "autoscaling", "discovery.k8s.io", "networking.k8s.io"}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-yaml"}}
        made = kubernetes.utils.create_from_dict(self._api, document, namespace=self._ns)
        return [
            review.status.user_info.username, version.major,
            sorted(group.name for group in apis.groups if group.name in names),
            [item.metadata.name for item in made],
            refused(self._core.read_namespaced_pod_log, "none", self._ns),
            refused(self._core.create_namespaced_pod_eviction, "none", self._ns,
                    kubernetes.client.V1Eviction(metadata={"name": "none"})),
        ]  # fmt: skip


class Dynamic:
    """The official package's client that learns the kinds from the server."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._ns = namespace
        self._client = kubernetes.dynamic.DynamicClient(api)

    def crud(self) -> list[Any]:
        configs = self._client.resources.get(api_version="v1", kind="ConfigMap")
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "d"},
            "data": {"a": "1"},
        }
        made = configs.create(body=body, namespace=self._ns)
        change = {"metadata": {"name": "d"}, "data": {"b": "2"}}
        patched = configs.patch(
            body=change, namespace=self._ns, content_type="application/merge-patch+json"
        )
        applied = configs.server_side_apply(
            body=body | {"data": {"c": "3"}}, name="d", namespace=self._ns, field_manager="dynamic"
        )
        listed = configs.get(namespace=self._ns, label_selector="!none")
        deleted = configs.delete(name="d", namespace=self._ns)
        return [
            made.to_dict(), dict(patched.data), applied.to_dict(),
            [item.metadata.name for item in listed.items], deleted.to_dict(),
            refused(configs.get, name="d", namespace=self._ns),
        ]  # fmt: skip

    def kinds(self) -> list[Any]:
        found = []
        for version, kind in (
            ("apps/v1", "Deployment"), ("autoscaling/v1", "HorizontalPodAutoscaler"),
            ("discovery.k8s.io/v1", "EndpointSlice"), ("v1", "Namespace"),
        ):  # fmt: skip
            resource = self._client.resources.get(api_version=version, kind=kind)
            found.append([
                resource.name, resource.namespaced, sorted(resource.verbs),
                sorted(resource.short_names or ()), sorted(resource.subresources),
            ])  # fmt: skip
        return found

    def watches(self) -> list[Any]:
        services = self._client.resources.get(api_version="v1", kind="Service")
        body = {"metadata": {"name": "w"}, "spec": {"ports": [{"port": 80}]}}
        version = services.get(namespace=self._ns).metadata.resourceVersion
        services.create(body={"apiVersion": "v1", "kind": "Service", **body}, namespace=self._ns)
        services.delete(name="w", namespace=self._ns)
        events = services.watch(namespace=self._ns, timeout=1, resource_version=version)
        return [[event["type"], event["object"].metadata.name] for event in events]
