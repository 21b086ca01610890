"""MiniStack with what this stack needs of AWS and the emulator lacks. Started by ministack.ts.

The template and the zips stay as they are; each gap is closed here, in the emulator:

- CloudFormation does not know AWS::Events::Archive, although the emulated EventBridge has archives.
- CloudFormation does not import buses and archives. AWS does, by what their schemas call their primary identifier.
- CloudFormation does not know AWS::Logs::QueryDefinition, nor has the emulated Logs saved queries: they get an id, no more.
- IAM knows neither the source and type of an event that is put nor the partition of the ledger that a request names.
- IAM asks for sqs:SendMessageBatch and its like. AWS has no such actions: a batch needs what a single call needs.
- IAM knows a log group by an ARN without `:*` at its end. AWS wants that in policies, but for the actions about tags.
- What functions print is logged without ids of the log events, which AWS always gives.
- The queues deny calls without TLS. AWS ends TLS at its front door; loopback has none, so every call counts as TLS.
- EventBridge calls a function once. AWS hands the event to Lambda's asynchronous queue, which tries again and gives a
  failed event to the function's on-failure destination.
"""

import json
import os
import re
import signal
import sys
import threading
import uuid

from ministack import app as gateway
from ministack.core import iam_actions
from ministack.services import cloudwatch_logs, eventbridge, lambda_svc
from ministack.services.cloudformation import changesets, provisioners


def create_archive(logical_id, properties, stack_name):
    name = properties.get("ArchiveName") or f"{stack_name}-{logical_id}"[:48]
    status, _, body = eventbridge._create_archive({
        "ArchiveName": name,
        "EventSourceArn": properties["SourceArn"],
        "Description": properties.get("Description", ""),
        "EventPattern": json.dumps(properties["EventPattern"]) if "EventPattern" in properties else "",
        "RetentionDays": int(properties.get("RetentionDays", 0)),
    })
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"AWS::Events::Archive: {answer}")
    return name, {"Arn": answer["ArchiveArn"], "ArchiveName": name}


def delete_archive(physical_id, _properties):
    eventbridge._delete_archive({"ArchiveName": physical_id})


def importable(resource_type, name_property, resources, arn_property):
    def problem(name):
        return None if name in resources else f"Resource of type '{resource_type}' with identifier '{name}' was not found."

    def take(identifier):
        name = identifier[name_property]
        return name, {"Arn": resources[name][arn_property], name_property: name}

    changesets._IMPORT_LOOKUPS.setdefault(resource_type, ((name_property,), problem))
    provisioners._RESOURCE_HANDLERS[resource_type].setdefault("import", take)


def create_query_definition(_logical_id, _properties, _stack_name):
    return str(uuid.uuid4()), {}


def iam_action(*request, _original=iam_actions.extract_iam_action):
    action = _original(*request)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def resource_arn(service, *request, _original=iam_actions.extract_resource_arn):
    arn = _original(service, *request)
    return f"{arn}:*" if service == "logs" and ":log-group:" in arn and not arn.endswith(":*") else arn


def request_context(service, action, body, params, _original=iam_actions.request_tag_context):
    context = _original(service, action, body, params)
    if action == "events:PutEvents":
        entries = json.loads(body)["Entries"]
        context["events:source"] = [entry["Source"] for entry in entries]
        context["events:detail-type"] = [entry["DetailType"] for entry in entries]
    if service == "dynamodb" and (partition := partition_of(json.loads(body or b"{}"))):
        context["dynamodb:leadingkeys"] = [partition]
    return context


def partition_of(request):
    """The ledger's partition that a request for an item or a query names; every query begins with that."""
    key = request.get("Key") or request.get("Item") or {}
    if "pk" in key:
        return key["pk"]["S"]
    value = re.match(r"#\w+ = (:\w+)", request.get("KeyConditionExpression", ""))
    return value and request["ExpressionAttributeValues"][value[1]]["S"]


def append_log_events(stream, events, _original=cloudwatch_logs._append_log_events):
    _original(stream, [{"eventId": uuid.uuid4().hex, **event} for event in events])


def invoke_asynchronously(function_arn, payload):
    function, config, name = lambda_svc._get_func_record_for_ref(function_arn)
    if not function:
        raise LookupError(f"no function {name}")
    lambda_svc.invoke_async_with_retry(function, json.loads(payload))


async def behind_tls(scope, receive, send, _original=gateway.app):
    if scope["type"] == "http":
        scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
    await _original(scope, receive, send)


def end_with_parent():
    """The parent holds the other end of standard input, so even its death ends this process and its functions."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)


provisioners._RESOURCE_HANDLERS.setdefault("AWS::Events::Archive", {"create": create_archive, "delete": delete_archive})
importable("AWS::Events::EventBus", "Name", eventbridge._event_buses, "Arn")
importable("AWS::Events::Archive", "ArchiveName", eventbridge._archives, "ArchiveArn")
provisioners._RESOURCE_HANDLERS.setdefault(
    "AWS::Logs::QueryDefinition", {"create": create_query_definition, "delete": lambda *_: None})
iam_actions.extract_iam_action = iam_action
iam_actions.extract_resource_arn = resource_arn
iam_actions.request_tag_context = request_context
cloudwatch_logs._append_log_events = append_log_events
eventbridge._dispatch_to_lambda = invoke_asynchronously
gateway.app = behind_tls

if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    gateway.main()
