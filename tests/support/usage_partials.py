"""Shares of one partition in totals and hours, as the workers publish them."""

from schemas.tables import UsageHour, UsagePartial, UsageTotal

SECOND = 1_000_000


def total(partition: int, instances: int, as_of: int = 1, name: str = "a") -> UsagePartial:
    share = UsageTotal(
        foundation="f",
        scope="space",
        guid="s",
        name=name,
        org_guid="o",
        apps=1,
        running_instances=instances,
        memory_mb=instances * 10,
        running_tasks=0,
        task_memory_mb=0,
        as_of=as_of,
    )
    return UsagePartial(partition=partition, closed_to=None, total=share, hour=None)


def hour(partition: int, seconds: int, level: int, until: int) -> UsagePartial:
    share = UsageHour(
        foundation="f",
        scope="space",
        guid="s",
        hour=0,
        until=until * SECOND,
        instance_seconds=seconds,
        memory_mb_seconds=0,
        task_seconds=0,
        task_memory_mb_seconds=0,
        instances=level,
        memory_mb=0,
        tasks=0,
        task_memory_mb=0,
    )
    return UsagePartial(partition=partition, closed_to=None, total=None, hour=share)


def closed(partition: int, to: int) -> UsagePartial:
    return UsagePartial(partition=partition, closed_to=to, total=None, hour=None)
