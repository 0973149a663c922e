"""Weekly time: spans of the week that may wrap a weekend, moments in them, and ranges of dates."""

import datetime

from pydantic import BaseModel, ConfigDict, Field

DAY = 1440
"""Minutes of a day."""
WEEK = 7 * DAY
"""Minutes of a week, which starts on Monday at 00:00 UTC."""
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class WeeklySpan(BaseModel):
    """A stretch of the week in minutes from Monday 00:00 UTC; `end` is exclusive, and wraps when it is not
    after `start`.
    """

    model_config = ConfigDict(frozen=True)

    start: int = Field(ge=0, lt=WEEK)
    end: int = Field(ge=0, le=WEEK)

    def contains(self, minute: int) -> bool:
        """Whether a minute of the week lies in the span."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def until_end(self, minute: int) -> int:
        """Minutes from `minute`, which lies in the span, to its end."""
        return (self.end - minute) % WEEK or WEEK


class DayMonth(BaseModel):
    """A calendar day; without a year it comes back every year."""

    model_config = ConfigDict(frozen=True)

    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)
    year: int | None = None


class Moment(BaseModel):
    """When somebody asks about: a weekday and a minute of the day, with the date where it is known. UTC."""

    model_config = ConfigDict(frozen=True)

    weekday: int = Field(ge=0, le=6)
    minute: int | None = Field(default=None, ge=0, le=DAY)
    """Minute of the day; None when only the day is known."""
    date: datetime.date | None = None

    @property
    def minute_of_week(self) -> int:
        """Minutes since Monday 00:00; the start of the day when the time is not known."""
        return (self.weekday * DAY + (self.minute or 0)) % WEEK

    @property
    def shown(self) -> str:
        """In words, such as `Saturday 2026-02-14 03:00 UTC`."""
        day = f" {self.date.isoformat()}" if self.date else ""
        return DAY_NAMES[self.weekday] + day + (f" {clock_shown(self.minute)} UTC" if self.minute is not None else "")


def clock_shown(minute: int) -> str:
    """A minute of the day as `HH:MM`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def week_minute_shown(minute: int) -> str:
    """A minute of the week as `Friday 18:00`."""
    return f"{DAY_NAMES[minute // DAY % 7]} {clock_shown(minute % DAY)}"


def moment_of(instant: datetime.datetime) -> Moment:
    """The moment of an aware instant."""
    utc = instant.astimezone(datetime.UTC)
    return Moment(weekday=utc.weekday(), minute=utc.hour * 60 + utc.minute, date=utc.date())


def full_date(day: DayMonth) -> datetime.date | None:
    """The date, when its year is known and the day exists."""
    try:
        return datetime.date(day.year, day.month, day.day) if day.year else None
    except ValueError:
        return None


def within(day: datetime.date, first: DayMonth, last: DayMonth) -> bool:
    """Whether `day` lies in a range of dates, both ends included; a range without years comes back every year."""
    if first.year and last.year:
        return (
            (first.year, first.month, first.day) <= (day.year, day.month, day.day) <= (last.year, last.month, last.day)
        )
    here, start, end = (day.month, day.day), (first.month, first.day), (last.month, last.day)
    return start <= here <= end if start <= end else here >= start or here <= end


def shifted(moment: Moment, minutes: int) -> Moment:
    """The moment some minutes later."""
    day = moment.date or datetime.date(2024, 1, 1) + datetime.timedelta(days=moment.weekday)  # 2024-01-01 is a Monday
    later = datetime.datetime.combine(day, datetime.time(), datetime.UTC) + datetime.timedelta(
        minutes=(moment.minute or 0) + minutes
    )
    reached = moment_of(later)
    return reached if moment.date else reached.model_copy(update={"date": None})
