"""The fields of KubeRay's RayService and RayCluster, and those of Kubernetes' pods that a manifest here may use.

After KubeRay's API reference, docs/reference/api.md of github.com/ray-project/kuberay (Apache License 2.0), and the
Kubernetes API reference for core/v1. The custom resource's own schema is 0.8 MB, most of it Kubernetes' pod. Unlike the
operator, which drops what it does not know, this refuses an unknown field.
"""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}
TRUTH = {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
TEXTS = {"type": "object", "additionalProperties": TEXT}
QUANTITY = {"type": "string", "pattern": r"^\d+(\.\d+)?(m|[kMGT]i?)?$"}
NAME = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"}
ANY = {"type": "object"}


def fields(required: str = "", **properties: Any) -> dict[str, Any]:
    """An object with these fields and no others; ``required`` are names with blanks between them."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def several(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


METADATA = fields("name", name=NAME, namespace=NAME, labels=TEXTS, annotations=TEXTS)
RESOURCES = fields(
    requests={"type": "object", "additionalProperties": QUANTITY},
    limits={"type": "object", "additionalProperties": QUANTITY},
)
KEY_OF = fields("name key", name=NAME, key=TEXT, optional=TRUTH)
ENV = fields(
    "name",
    name=TEXT,
    value=TEXT,
    valueFrom=fields(secretKeyRef=KEY_OF, configMapKeyRef=KEY_OF, fieldRef=fields("fieldPath", fieldPath=TEXT)),
)
PORT = fields(
    "containerPort", name={"type": "string", "maxLength": 15}, containerPort=COUNT, protocol={"enum": ["TCP", "UDP"]}
)
CONTAINER = fields(
    "name image",
    name=NAME,
    image=TEXT,
    imagePullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
    command=several(TEXT),
    args=several(TEXT),
    env=several(ENV),
    ports=several(PORT),
    resources=RESOURCES,
    volumeMounts=several(fields("name mountPath", name=NAME, mountPath=TEXT, subPath=TEXT, readOnly=TRUTH)),
    lifecycle=fields(preStop=fields(exec=fields("command", command=several(TEXT)))),
    securityContext=ANY,
)
CLAIM = fields("claimName", claimName=NAME, readOnly=TRUTH)
VOLUME = fields(
    "name",
    name=NAME,
    persistentVolumeClaim=CLAIM,
    emptyDir=fields(medium={"enum": ["", "Memory"]}, sizeLimit=QUANTITY),
    secret=ANY,
    hostPath=ANY,
)
POD = fields(
    "containers",
    containers={**several(CONTAINER), "minItems": 1},
    volumes=several(VOLUME),
    hostNetwork=TRUTH,
    dnsPolicy={"enum": ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]},
    terminationGracePeriodSeconds=COUNT,
    nodeSelector=TEXTS,
    tolerations=several(
        fields(key=TEXT, operator={"enum": ["Exists", "Equal"]}, value=TEXT, effect=TEXT, tolerationSeconds=COUNT)
    ),
    affinity=ANY,
    securityContext=fields(runAsUser=COUNT, runAsGroup=COUNT, fsGroup=COUNT, runAsNonRoot=TRUTH),
    serviceAccountName=NAME,
)
TEMPLATE = fields("spec", metadata=fields(labels=TEXTS, annotations=TEXTS), spec=POD)

GROUP = {"rayStartParams": TEXTS, "template": TEMPLATE, "resources": TEXTS, "labels": TEXTS}
HEAD = fields(
    "rayStartParams template",
    **GROUP,
    headService=ANY,
    enableIngress=TRUTH,
    serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]},
)
WORKERS = fields(
    "groupName template",
    **GROUP,
    groupName=NAME,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    idleTimeoutSeconds=COUNT,
    numOfHosts=COUNT,
    suspend=TRUTH,
    scaleStrategy=fields(workersToDelete=several(TEXT)),
)
CLUSTER = fields(
    "headGroupSpec",
    rayVersion=TEXT,
    enableInTreeAutoscaling=TRUTH,
    autoscalerOptions=fields(
        version={"enum": ["v1", "v2"]},
        resources=RESOURCES,
        image=TEXT,
        imagePullPolicy=TEXT,
        env=several(ENV),
        envFrom=several(ANY),
        volumeMounts=several(ANY),
        securityContext=ANY,
        idleTimeoutSeconds=COUNT,
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    ),
    gcsFaultToleranceOptions=fields(
        redisUsername=ANY, redisPassword=ANY, externalStorageNamespace=TEXT, redisAddress=TEXT
    ),
    authOptions=ANY,
    headServiceAnnotations=TEXTS,
    managedBy=TEXT,
    suspend=TRUTH,
    upgradeStrategy=fields(type={"enum": ["Recreate", "None"]}),
    headGroupSpec=HEAD,
    workerGroupSpecs=several(WORKERS),
)
RAY_SERVICE = fields(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayService"},
    metadata=METADATA,
    spec=fields(
        "serveConfigV2 rayClusterConfig",
        serveConfigV2=TEXT,
        rayClusterConfig=CLUSTER,
        rayClusterDeletionDelaySeconds=COUNT,
        excludeHeadPodFromServeSvc=TRUTH,
        managedBy=TEXT,
        serveService=ANY,
        upgradeStrategy=fields(
            type={"enum": ["NewCluster", "NewClusterWithIncrementalUpgrade", "None"]}, clusterUpgradeOptions=ANY
        ),
    ),
)
CLAIM_MANIFEST = fields(
    "apiVersion kind metadata spec",
    apiVersion={"const": "v1"},
    kind={"const": "PersistentVolumeClaim"},
    metadata=METADATA,
    spec=fields(
        "accessModes resources",
        accessModes=several({"enum": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]}),
        storageClassName=TEXT,
        resources=RESOURCES,
    ),
)
KINDS = {"RayService": RAY_SERVICE, "PersistentVolumeClaim": CLAIM_MANIFEST}
