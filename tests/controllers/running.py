"""A federation of API servers, and controllers that run beside the test in a thread.

    with on_real("us", "eu") as real:               three API servers, 8 s; on_embedded: 2 s
        with real.controllers("a") as running:      of the federation named so
            real.register("us")                     a Cluster and its Secret
            real.until(lambda: …, "it is copied")

Tests share the API servers; what they registered is taken away by `clear`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from controllers import runtime
from controllers.options import Options
from controllers.runtime import Runtime
from tests.clusterapi import Api, Object
from tests.clusterprograms import ClusterFailed
from tests.controllers import embedded
from tests.realcluster import RealCluster

SYSTEM = "federation-system"
CLUSTERS = "/apis/federation.feddns.dev/v1beta1/clusters"
CRD = Path(__file__).parents[2] / "deploy/crds/cluster.yaml"
QUICK = Options(
    monitor_period=0.3, monitor_misses=6, request_timeout=2.0,
    lease_duration=2.0, renew_deadline=1.0, retry_period=0.2, leader_elect=False,
)  # fmt: skip
PATIENCE = 20.0
T = TypeVar("T")
_numbers = itertools.count(1)


def _runtime(options: Options) -> Runtime:
    return Runtime(options, runtime.reconcilers(options))


class Controllers:
    """A `Runtime` in a thread of its own, as `make` makes it there."""

    def __init__(self, options: Options, make: Callable[[Options], Runtime]) -> None:
        self.options = options
        self._make = make
        self.runtime: Runtime
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="controllers", daemon=True)

    def start(self) -> Controllers:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self) -> None:
        """As by SIGTERM."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(15)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """As by SIGKILL: nothing is finished and nothing given back."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(15)
        assert not self._thread.is_alive()

    def ask(self, what: Callable[[], T]) -> T:
        """Call it in the loop."""

        async def asked() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(10)

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._failure = error
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _main(self) -> None:
        try:
            self.runtime = self._make(self.options)
            running = self.runtime.run(self._stopping)
            self._task = asyncio.get_running_loop().create_task(running)
        finally:
            self._ready.set()
        await self._task


@contextlib.contextmanager
def on_real(*members: str) -> Iterator[Federation]:
    """A federation of real API servers with the CRD in it."""
    with contextlib.ExitStack() as stack:
        federation = stack.enter_context(RealCluster("federation"))
        others = {name: stack.enter_context(RealCluster(name)) for name in members}
        federation.apply(CRD.read_text())
        federation.kubectl("wait", "--for=condition=Established", "crd", "--all")
        federation.namespace(SYSTEM)
        yield Federation(federation, others)


@contextlib.contextmanager
def on_embedded(*members: str) -> Iterator[Federation]:
    """A federation of embedded APIs, each a process."""
    with contextlib.ExitStack() as stack:
        federation = stack.enter_context(embedded.running())
        others = {name: stack.enter_context(embedded.running()) for name in members}
        with contextlib.suppress(ClusterFailed):
            federation.namespace(SYSTEM)
        yield Federation(federation, others)


class Federation:
    """See the module's docstring."""

    def __init__(self, api: Api, members: Mapping[str, Api]) -> None:
        self.api, self.members = api, dict(members)
        self._registered: set[str] = set()

    @contextlib.contextmanager
    def controllers(self, name: str, **options: Any) -> Iterator[Controllers]:
        """Controllers of the federation named so, with quick times."""
        running = self.start(name, **options)
        try:
            yield running
        finally:
            running.stop()

    def start(
        self, name: str, make: Callable[[Options], Runtime] = _runtime, **options: Any
    ) -> Controllers:
        import msgspec

        chosen = {"federation_kubeconfig": str(self.api.kubeconfig), "federation_name": name}
        return Controllers(msgspec.structs.replace(QUICK, **(chosen | options)), make).start()

    # --- members ---------------------------------------------------------------------------------

    def register(
        self, name: str, member: str = "", *, url: str = "", secret: bool = True, **labels: str
    ) -> None:
        """A Cluster with this name, and the Secret that it names; `member`: which it is, if not the
        one of the same name."""
        cluster = self.members[member or name]
        if secret:
            self.put_secret(name, {"kubeconfig": cluster.kubeconfig.read_text()})
        address = {"clientCIDR": "0.0.0.0/0", "serverAddress": url or cluster.url}
        spec = {"serverAddressByClientCIDRs": [address], "secretRef": {"name": name}}
        head = {"apiVersion": "federation.feddns.dev/v1beta1", "kind": "Cluster"}
        metadata = {"name": name, "labels": labels}
        self.api.request("POST", CLUSTERS, {**head, "metadata": metadata, "spec": spec})
        self._registered.add(name)

    def unregister(self, name: str) -> None:
        self._registered.discard(name)
        self.api.request("DELETE", f"{CLUSTERS}/{name}")

    def put_secret(self, name: str, data: dict[str, str]) -> None:
        """A Secret with credentials, made or replaced."""
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.drop_secret(name)
        path = f"/api/v1/namespaces/{SYSTEM}/secrets"
        self.api.request("POST", path, {"metadata": {"name": name}, "data": encoded})

    def drop_secret(self, name: str) -> None:
        with contextlib.suppress(ClusterFailed):
            self.api.request("DELETE", f"/api/v1/namespaces/{SYSTEM}/secrets/{name}")

    def clear(self) -> None:
        """Nothing is registered, and nothing is federated any more."""
        for name in list(self._registered):
            self.unregister(name)
            self.drop_secret(name)
        for name in self.namespaces():
            if name.startswith("test-"):
                self._empty(name)

    def _empty(self, namespace: str) -> None:
        for plural in ("configmaps", "secrets", "services"):
            path = f"/api/v1/namespaces/{namespace}/{plural}"
            for found in self.api.request("GET", path)["items"]:
                one = f"{path}/{found['metadata']['name']}"
                self.api.patch(one, {"metadata": {"finalizers": None}})
                self.api.request("DELETE", one)
        path = f"/api/v1/namespaces/{namespace}"
        self.api.patch(path, {"metadata": {"finalizers": None}})
        with contextlib.suppress(ClusterFailed):
            self.api.request("DELETE", path)
        with contextlib.suppress(ClusterFailed):
            found = self.api.request("GET", path)
            self.api.request("PUT", f"{path}/finalize", {**found, "spec": {"finalizers": []}})

    # --- what tests ask --------------------------------------------------------------------------

    def namespace(self) -> str:
        """A new one in the federation."""
        return self.api.namespace(f"test-{next(_numbers)}")

    def namespaces(self) -> list[str]:
        """Of the federation."""
        found = self.api.request("GET", "/api/v1/namespaces")["items"]
        return [one["metadata"]["name"] for one in found]

    def create(self, namespace: str, plural: str, name: str, **fields: Any) -> None:
        annotations = fields.pop("annotations", {})
        metadata = {"name": name, "annotations": annotations}
        path = f"/api/v1/namespaces/{namespace}/{plural}"
        self.api.request("POST", path, {"metadata": metadata, **fields})

    def found(self, member: str, path: str) -> Object | None:
        """What a member has at this path; `NAMESPACE/PLURAL/NAME` for short."""
        if not path.startswith("/"):
            namespace, plural, name = path.split("/")
            path = f"/api/v1/namespaces/{namespace}/{plural}/{name}"
        try:
            return self.members[member].request("GET", path)
        except ClusterFailed as error:
            if error.status == 404:
                return None
            raise

    def conditions(self, name: str) -> dict[str, tuple[str, str]]:
        """Status and reason of each condition of a Cluster."""
        found = self.api.request("GET", f"{CLUSTERS}/{name}").get("status") or {}
        return {one["type"]: (one["status"], one["reason"]) for one in found.get("conditions", ())}

    def is_ready(self, name: str) -> bool:
        return self.conditions(name).get("Ready", ("", ""))[0] == "True"

    def events(self, name: str, namespace: str = "default") -> list[tuple[str, str]]:
        """Reason and message of the Events on an object."""
        found = self.api.request("GET", f"/api/v1/namespaces/{namespace}/events")["items"]
        return [
            (one["reason"], one["message"])
            for one in found
            if one["involvedObject"]["name"] == name
        ]

    def until(self, is_so: Callable[[], Any], what: str, patience: float = PATIENCE) -> float:
        """Wait for it; how long that was."""
        began = time.monotonic()
        while not is_so():
            assert time.monotonic() - began < patience, f"not within {patience:g} s: {what}"
            time.sleep(0.02)
        return time.monotonic() - began
