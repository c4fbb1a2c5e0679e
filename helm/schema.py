"""JSON schema (draft 7) of the chart's values: from the defaults, the comments and the settings classes."""

from typing import Any

from helm.commented import Entry
from helm.settings import Section, sections
from producer.settings import FoundationSettings

Schema = dict[str, Any]

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}

# Inline credentials would end up in a ConfigMap; the files are named by the chart.
NOT_IN_FOUNDATIONS = {"cf_client_secret", "cf_client_secret_file", "cf_password", "cf_password_file"}

_QUANTITIES = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}

RESOURCES: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"requests": _QUANTITIES, "limits": _QUANTITIES, "claims": _OBJECTS},
}
PROBE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "initialDelaySeconds": {"type": "integer", "minimum": 0},
        "periodSeconds": {"type": "integer", "minimum": 1},
        "timeoutSeconds": {"type": "integer", "minimum": 1},
        "failureThreshold": {"type": "integer", "minimum": 1},
        "successThreshold": {"type": "integer", "minimum": 1},
    },
}
POD: Schema = {
    "annotations": _TEXTS,
    "labels": _TEXTS,
    "nodeSelector": _TEXTS,
    "tolerations": _OBJECTS,
    "affinity": {"type": "object"},
    "topologySpreadConstraints": _OBJECTS,
    "priorityClassName": {"type": "string"},
    "runtimeClassName": {"type": "string"},
    "runAsUser": {"type": "integer", "minimum": 1},
    "runAsGroup": {"type": "integer", "minimum": 1},
    "extraEnv": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    "extraEnvFrom": _OBJECTS,
    "extraVolumes": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    "extraVolumeMounts": {"type": "array", "items": {"type": "object", "required": ["name", "mountPath"]}},
}


def schema(values: tuple[Entry, ...]) -> Schema:
    """Return the schema of the whole values file. Keys that the file does not have are refused."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the cfstream chart",
        "type": "object",
        "additionalProperties": False,
        "properties": {entry.path[-1]: _of(entry) for entry in values},
        "$defs": {
            "resources": RESOURCES,
            "probe": PROBE,
            "pod": {"type": "object", "additionalProperties": False, "properties": POD},
            "foundations": _foundations(),
            **{section.definition: _settings(section) for section in sections()},
        },
    }


def _of(entry: Entry) -> Schema:
    if entry.name == "pod":
        return {"$ref": "#/$defs/pod"}
    if "$ref" in entry.schema:
        return {"$ref": entry.schema["$ref"]}
    out: Schema = {"description": entry.description} if entry.description else {}
    out["type"] = TYPES[type(entry.default)]
    if entry.children is not None:
        # Helm puts "global" of a parent chart into it, with keys of its own.
        out["additionalProperties"] = entry.name == "global"
        out["properties"] = {child.path[-1]: _of(child) for child in entry.children}
    return out | entry.schema


def _settings(section: Section) -> Schema:
    """Return the schema of the settings that have no value of their own."""
    whole = section.settings.model_json_schema()
    properties = {name: whole["properties"][name] for name in sorted(section.free)}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {n: _plain(p) for n, p in properties.items()},
    }


def _foundations() -> Schema:
    whole = FoundationSettings.model_json_schema()
    properties = {name: _plain(p) for name, p in whole["properties"].items() if name not in NOT_IN_FOUNDATIONS}
    properties["existingSecret"] = {"type": "string", "description": "Secret with client-secret or password."}
    entry = {"type": "object", "additionalProperties": False, "required": whole["required"], "properties": properties}
    return {"type": "array", "items": entry}


def _plain(property_: Schema) -> Schema:
    """Return a property without what pydantic adds for machines only."""
    return {key: value for key, value in property_.items() if key not in ("title", "format", "default")}
