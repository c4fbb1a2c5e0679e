"""Mute times: recurring periods in which a route sends nothing, such as nights or a maintenance window."""

import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from plumbing.clock import SECOND
from processors.alerts.rules import Model
from schemas.records import Micros

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)")


def _clock_range(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text!r} is no time of day; write it as 22:00-06:00")
    return text


def _day_range(text: str) -> str:
    for day in text.lower().split(":"):
        if day not in DAYS:
            raise ValueError(f"{text!r} is no weekday; write it as saturday or monday:friday")
    return text.lower()


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone; write it as Europe/Berlin") from error
    return name


class Period(Model):
    """A period holds where all that it gives agrees. A range of hours may pass midnight."""

    weekdays: tuple[Annotated[str, AfterValidator(_day_range)], ...] = ()
    hours: tuple[Annotated[str, AfterValidator(_clock_range)], ...] = ()
    days_of_month: tuple[Annotated[int, Field(ge=1, le=31)], ...] = ()
    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = ()
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"

    def holds(self, now: Micros) -> bool:
        """Say whether the moment lies in the period."""
        moment = datetime.fromtimestamp(now / SECOND, UTC).astimezone(ZoneInfo(self.time_zone))
        return (
            (not self.weekdays or any(_on_day(days, moment.weekday()) for days in self.weekdays))
            and (not self.hours or any(_at_hour(hours, moment.hour * 60 + moment.minute) for hours in self.hours))
            and (not self.days_of_month or moment.day in self.days_of_month)
            and (not self.months or moment.month in self.months)
        )


class MuteTime(Model):
    """Several periods under one name; any of them mutes."""

    name: str = Field(min_length=1)
    periods: list[Period] = Field(min_length=1)

    def holds(self, now: Micros) -> bool:
        """Say whether it mutes at that moment."""
        return any(period.holds(now) for period in self.periods)


def _on_day(days: str, today: int) -> bool:
    first, _, last = days.partition(":")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return start <= today <= end if start <= end else today >= start or today <= end


def _at_hour(hours: str, minute: int) -> bool:
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in hours.split("-"))
    return start <= minute < end if start < end else minute >= start or minute < end
