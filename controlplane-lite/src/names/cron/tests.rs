use super::*;

fn next(schedule: &str, after: &str) -> Option<String> {
    let after: Zoned = after.parse().expect("a time");
    parse(schedule)
        .expect("a schedule")
        .next(&after)
        .map(|t| t.datetime().to_string())
}

#[test]
fn the_next_time_follows_the_fields() {
    let cases = [
        ("*/5 * * * *", "2026-01-01T10:03:20[UTC]", "2026-01-01T10:05:00"),
        ("0 0 * * *", "2026-01-31T00:00:00[UTC]", "2026-02-01T00:00:00"),
        ("30 4 1,15 * *", "2026-01-02T00:00:00[UTC]", "2026-01-15T04:30:00"),
        (
            "0 12 * * mon-fri",
            "2026-01-02T12:00:00[UTC]",
            "2026-01-05T12:00:00",
        ),
        // both day fields restricted: either matches
        ("0 0 13 * FRI", "2026-01-10T00:00:00[UTC]", "2026-01-13T00:00:00"),
        ("@hourly", "2026-01-01T10:03:20[UTC]", "2026-01-01T11:00:00"),
        ("@every 90s", "2026-01-01T10:00:00[UTC]", "2026-01-01T10:01:30"),
        ("0 0 29 2 *", "2026-01-01T00:00:00[UTC]", "2028-02-29T00:00:00"),
        // 02:30 does not exist on that day
        (
            "30 2 * * *",
            "2026-03-29T01:00:00[Europe/Berlin]",
            "2026-03-30T02:30:00",
        ),
    ];
    for (schedule, after, expected) in cases {
        assert_eq!(next(schedule, after).as_deref(), Some(expected), "{schedule}");
    }
    assert_eq!(next("0 0 30 2 *", "2026-01-01T00:00:00[UTC]"), None);
}

#[test]
fn errors_are_those_of_the_reference() {
    let cases = [
        ("", "empty spec string"),
        ("nope", "expected exactly 5 fields, found 1: [nope]"),
        ("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        (
            "5-2 * * * *",
            "beginning of range (5) beyond end of range (2): 5-2",
        ),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        (
            "x * * * *",
            "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        ("@never", "unrecognized descriptor: @never"),
        (
            "TZ=Mars/Base 0 0 * * *",
            "provided bad location Mars/Base: unknown time zone Mars/Base",
        ),
    ];
    for (schedule, message) in cases {
        assert_eq!(parse(schedule), Err(message.to_owned()), "{schedule}");
    }
}
