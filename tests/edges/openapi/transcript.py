"""Holds a document of OpenAPI against itself and against what was answered.

    transcript.py DOCUMENT [TRANSCRIPT]

DOCUMENT: that of the listener. Its examples have to fit its schemas. TRANSCRIPT: a line of JSON for each call that was made:
{"what", "call": "GET /path?query", "sent": body or null, "status", "headers": {name: value}, "body": text}. Each answer has to
be one that the document tells of: its status, the type and the schema of its body, its headers; and where nothing warns, the
keys of a body that was taken have to be told of too.
"""

import json
import re
import sys

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

NAME = "urn:document"
LAGO = "/api/v1/billable_metrics/{code}"
# How calls are answered that nothing is told of.
REFUSED_AS_UNKNOWN = {401, 403, 404, 405}


class Document:
    """The document, and what it tells of calls."""

    def __init__(self, document):
        self.document = document
        self.registry = Registry().with_resource(NAME, DRAFT202012.create_resource(document))

    def operations(self):
        for path, calls in self.document["paths"].items():
            for method, told in calls.items():
                yield path, method, told

    def told_of(self, method, path):
        """What may be meant: a code of Lago's may hold slashes, or be the name of another call."""
        calls = [(form, told) for form, by, told in self.operations() if by == method.lower() and is_of(path, form)]
        return [call for call in calls if self.is_own(path, call[0])] or calls

    def is_own(self, path, form):
        """Whether no other path that is told of has fewer parameters in that place."""
        return form.count("{") == min(other.count("{") for other in self.document["paths"] if is_of(path, other))

    def faults(self, steps, value):
        """What of a value does not fit the schema at a place of the document."""
        pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
        schema = {"$ref": f"{NAME}#/{pointer}"}
        validator = Draft202012Validator(schema, registry=self.registry, format_checker=FormatChecker())
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def resolved(self, schema):
        while "$ref" in schema:
            place = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                place = place[step]
            schema = place
        return schema


def is_of(path, form):
    if form.startswith(LAGO):
        prefix, end = "/api/v1/billable_metrics/", form.removeprefix(LAGO)
        return path.startswith(prefix) and len(path) > len(prefix) and path.endswith(end)
    return re.fullmatch(re.sub(r"\\\{.*?\\\}", "[^/]*", re.escape(form)), path) is not None


def wrong_examples(document):
    for path, method, told in document.operations():
        place = ["paths", path, method]
        contents = [([*place, "requestBody", "content"], told.get("requestBody", {}).get("content", {}))]
        for status, answer in told["responses"].items():
            contents.append(([*place, "responses", status, "content"], answer.get("content", {})))
        for steps, content in contents:
            for kind, media in content.items():
                if "example" in media:
                    for fault in document.faults([*steps, kind, "schema"], media["example"]):
                        yield f"{'/'.join(steps)}: the example: {fault}"
        for at, parameter in enumerate(told["parameters"]):
            if "example" in parameter:
                for fault in document.faults([*place, "parameters", str(at), "schema"], parameter["example"]):
                    yield f"{method} {path}: the example of {parameter['name']}: {fault}"
    for name, schema in document.document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            for fault in document.faults(["components", "schemas", name], example):
                yield f"the example of {name}: {fault}"


def wrong_answer(document, line):
    """Why an answer is none that the document tells of, or nothing."""
    method, target = line["call"].split(" ", 1)
    path = target.split("?")[0]
    calls = document.told_of(method, path)
    # A path that names itself may take other methods alone.
    if line["status"] in REFUSED_AS_UNKNOWN and not any(document.is_own(path, form) for form, _ in calls):
        return None
    if not calls:
        return "nothing is told of the call"
    reasons = [reason_of(document, [form, method.lower()], told, line) for form, told in calls]
    return None if None in reasons else "; ".join(reasons)


def reason_of(document, call, told, line):
    answer = told["responses"].get(str(line["status"]))
    if answer is None:
        return f"the status {line['status']} is not told of"
    if "x-request-id" not in line["headers"]:
        return "it has no x-request-id"
    unknown = [name for name in line["headers"] if name == "warning" and name not in answer["headers"]]
    if unknown:
        return "a warning is not told of"
    content = answer.get("content")
    if content is None:
        return f"it has a body: {line['body']}" if line["body"] else None
    kind = line["headers"].get("content-type")
    if kind not in content:
        return f"the type {kind} is not told of"
    steps = ["paths", *call, "responses", str(line["status"]), "content", kind, "schema"]
    faults = document.faults(steps, json.loads(line["body"]))
    if faults:
        return "; ".join(faults)
    return unknown_keys(document, told, line)


def unknown_keys(document, told, line):
    sent = line.get("sent")
    if line["status"] >= 300 or "warning" in line["headers"] or not isinstance(sent, dict):
        return None
    schema = document.resolved(told["requestBody"]["content"]["application/json"]["schema"])
    known = {key for one in schema.get("anyOf", [schema]) for key in one["properties"]}
    unknown = [key for key in sent if key not in known]
    return f"the keys {unknown} are taken, and not told of" if unknown else None


def main(document, transcript=None):
    with open(document, encoding="utf-8") as file:
        document = Document(json.load(file))
    wrong = list(wrong_examples(document))
    count = 0
    if transcript:
        with open(transcript, encoding="utf-8") as file:
            for line in map(json.loads, file):
                count += 1
                reason = wrong_answer(document, line)
                if reason:
                    wrong.append(f"{line['what']}: {line['call']}: {line['status']} {line['body'][:500]}\n    {reason}")
    for text in wrong:
        print(text)
    print(f"{count} answers, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
