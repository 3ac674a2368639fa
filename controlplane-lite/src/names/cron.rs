//! Schedules of CronJobs: the five-field crontab form, with names, ranges, steps and descriptors.
//!
//! Parsing answers the reference's error texts (those of the cron library that it uses), and the parsed
//! [`Schedule`] knows the next time at which it fires, so that a controller can use it too.
//!
//! Invariant: a parsed schedule has at least one bit set in each field. It may still never fire (30 February).

use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::{Span, ToSpan};

#[cfg(test)]
mod tests;

/// A parsed schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Fires at the matching minutes of the wall clock.
    Calendar(Calendar),
    /// Fires this many seconds after the last time (`@every`), at least one.
    Every(i64),
}

/// One bit per minute, hour, day of the month, month and day of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Either day field is `*`: then both must match, otherwise one is enough.
    any_day: bool,
}

/// Bounds and names of one field.
struct Bounds {
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds {
    min: 0,
    max: 59,
    names: &[],
};
const HOURS: Bounds = Bounds {
    min: 0,
    max: 23,
    names: &[],
};
const DAYS: Bounds = Bounds {
    min: 1,
    max: 31,
    names: &[],
};
const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const WEEKDAYS: Bounds = Bounds {
    min: 0,
    max: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// The bit that says that a field was `*` or `?`.
const STAR: u64 = 1 << 63;

/// The zone at the front of a schedule (`TZ=` or `CRON_TZ=`) and the rest.
///
/// # Errors
/// The reference's text when the zone is unknown.
pub fn split_zone(text: &str) -> Result<(Option<&str>, &str), String> {
    let Some(rest) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) else {
        return Ok((None, text));
    };
    let (zone, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match known_zone(zone) {
        true => Ok((Some(zone), rest.trim())),
        false => Err(format!("provided bad location {zone}: unknown time zone {zone}")),
    }
}

/// Whether a name stands for a time zone, as Go's `time.LoadLocation` finds it.
pub fn known_zone(name: &str) -> bool {
    matches!(name, "" | "UTC" | "Local") || jiff::tz::TimeZone::get(name).is_ok()
}

/// Parses a schedule, without its zone.
///
/// # Errors
/// The reference's text, to be shown at `spec.schedule`.
pub fn parse(text: &str) -> Result<Schedule, String> {
    if text.is_empty() {
        return Err("empty spec string".into());
    }
    let (_, text) = split_zone(text)?;
    if text.starts_with('@') {
        return descriptor(text);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = fields[..] else {
        return Err(format!(
            "expected exactly 5 fields, found {}: [{}]",
            fields.len(),
            fields.join(" ")
        ));
    };
    let (minutes, hours) = (field(minutes, &MINUTES)?, field(hours, &HOURS)?);
    let (days, months, weekdays) = (
        field(days, &DAYS)?,
        field(months, &MONTHS)?,
        field(weekdays, &WEEKDAYS)?,
    );
    let any_day = (days | weekdays) & STAR != 0;
    let [minutes, hours, days, months, weekdays] =
        [minutes, hours, days, months, weekdays].map(|b| b & !STAR);
    Ok(Schedule::Calendar(Calendar {
        minutes,
        hours,
        days,
        months,
        weekdays,
        any_day,
    }))
}

fn descriptor(text: &str) -> Result<Schedule, String> {
    match text {
        "@yearly" | "@annually" => parse("0 0 1 1 *"),
        "@monthly" => parse("0 0 1 * *"),
        "@weekly" => parse("0 0 * * 0"),
        "@daily" | "@midnight" => parse("0 0 * * *"),
        "@hourly" => parse("0 * * * *"),
        _ => match text.strip_prefix("@every ") {
            Some(duration) => go_duration_seconds(duration)
                .map(|seconds| Schedule::Every(seconds.max(1)))
                .ok_or_else(|| {
                    format!("failed to parse duration {text}: time: invalid duration {duration:?}")
                }),
            None => Err(format!("unrecognized descriptor: {text}")),
        },
    }
}

/// A Go duration (`1h30m`, `1.5h`) in whole seconds.
fn go_duration_seconds(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        seconds += number
            * match &after[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &after[unit..];
    }
    (!text.is_empty() && seconds < 1e12).then_some(seconds as i64)
}

fn field(text: &str, bounds: &Bounds) -> Result<u64, String> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .try_fold(0, |bits, part| Ok(bits | range(part, bounds)?))
}

fn range(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let mut slashes = text.split('/');
    let span = slashes.next().unwrap_or("");
    let step = slashes.next();
    let mut hyphens = span.split('-');
    let low = hyphens.next().unwrap_or("");
    let high = hyphens.next();
    let mut star = 0;
    let (start, mut end) = if matches!(low, "*" | "?") {
        star = STAR;
        (bounds.min, bounds.max)
    } else {
        let start = number_or_name(low, bounds)?;
        let end = high.map_or(Ok(start), |h| number_or_name(h, bounds))?;
        if hyphens.next().is_some() {
            return Err(format!("too many hyphens: {text}"));
        }
        (start, end)
    };
    let step = match step {
        None => 1,
        Some(step) => {
            let step = number(step)?;
            if high.is_none() {
                end = bounds.max;
            }
            if step > 1 {
                star = 0;
            }
            step
        }
    };
    if slashes.next().is_some() {
        return Err(format!("too many slashes: {text}"));
    }
    check(start, end, step, bounds, text)?;
    Ok((start..=end)
        .step_by(step as usize)
        .fold(star, |bits, n| bits | 1 << n))
}

fn check(start: u32, end: u32, step: u32, bounds: &Bounds, text: &str) -> Result<(), String> {
    let Bounds { min, max, .. } = bounds;
    if start < *min {
        return Err(format!(
            "beginning of range ({start}) below minimum ({min}): {text}"
        ));
    }
    if end > *max {
        return Err(format!("end of range ({end}) above maximum ({max}): {text}"));
    }
    if start > end {
        return Err(format!(
            "beginning of range ({start}) beyond end of range ({end}): {text}"
        ));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok(())
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    match bounds.names.iter().position(|name| *name == lower) {
        Some(at) => Ok(bounds.min + u32::try_from(at).unwrap_or(0)),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(n) if n < 0 => Err(format!("negative number ({n}) not allowed: {text}")),
        Ok(n) if n <= i64::from(u32::MAX) => Ok(n as u32),
        _ => Err(format!(
            "failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax"
        )),
    }
}

impl Schedule {
    /// The first time after `after` at which the schedule fires, in the zone of `after`; `None` if it does not
    /// within five years.
    pub fn next(&self, after: &Zoned) -> Option<Zoned> {
        match self {
            Self::Every(seconds) => after.checked_add(Span::new().seconds(*seconds)).ok(),
            Self::Calendar(calendar) => calendar.next(after),
        }
    }
}

impl Calendar {
    fn next(&self, after: &Zoned) -> Option<Zoned> {
        let mut date = after.date();
        let last = date.checked_add(5.years()).ok()?;
        while date <= last {
            if self.fires_on(date) {
                let found = self.times().find_map(|time| {
                    let at = date.to_datetime(time).to_zoned(after.time_zone().clone()).ok()?;
                    // A minute that daylight saving skips does not exist, so the job does not run then.
                    (at > *after && at.time() == time).then_some(at)
                });
                if found.is_some() {
                    return found;
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn fires_on(&self, date: Date) -> bool {
        let has = |bits: u64, n: i8| bits & (1 << n) != 0;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let matches = if self.any_day {
            day && weekday
        } else {
            day || weekday
        };
        has(self.months, date.month()) && matches
    }

    fn times(&self) -> impl Iterator<Item = Time> + '_ {
        let set = |bits: u64, max: i8| (0..max).filter(move |n| bits & (1 << n) != 0);
        set(self.hours, 24).flat_map(move |h| set(self.minutes, 60).map(move |m| Time::constant(h, m, 0, 0)))
    }
}
