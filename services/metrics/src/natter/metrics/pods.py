"""The pods of this namespace, by Kubernetes' API: the little that natter says to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
COST = "controller.kubernetes.io/pod-deletion-cost"
ANSWER_SECONDS_MAX = 10.0


class Pods:
    """`configuration`: how to reach the API server; without it that of the pod this runs in."""

    def __init__(self, namespace: str = "", configuration: Any = None) -> None:
        # Heavy, and needed in a cluster only.
        from kubernetes.aio import client, config

        if configuration is None:
            configuration = client.Configuration()
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        self._namespace = namespace or NAMESPACE.read_text().strip()
        self._client = client.ApiClient(configuration)
        self._api = client.CoreV1Api(self._client)
        self._refused = client.ApiException

    async def annotate(self, pod: str, cost: int) -> None:
        """Write the cost of taking a pod away. OSError where that could not be done."""
        try:
            await self._api.patch_namespaced_pod(
                pod,
                self._namespace,
                {"metadata": {"annotations": {COST: str(cost)}}},
                _content_type="application/merge-patch+json",
                _request_timeout=ANSWER_SECONDS_MAX,
            )
        except self._refused as error:
            raise OSError(f"{error.status} {error.reason}") from None
        except (TimeoutError, OSError) as error:
            raise OSError(type(error).__name__) from None
        except Exception as error:
            # aiohttp's own, which are no OSErrors.
            if type(error).__module__.startswith("aiohttp"):
                raise OSError(type(error).__name__) from None
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]
