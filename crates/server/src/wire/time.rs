//! Times as RFC 3339 in UTC with milliseconds.

use domain::Timestamp;

/// `2026-11-22T08:30:00.000Z`. Times outside the years 0 to 9999 answer the epoch.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Any RFC 3339 time with an offset.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(|time| Timestamp(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_always_written() {
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            rfc3339(Timestamp(1_795_336_200_120)),
            "2026-11-22T08:30:00.120Z"
        );
    }

    #[test]
    fn offsets_are_understood() {
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(Timestamp(0)));
        assert_eq!(parse("1970-01-01"), None);
        assert_eq!(parse("soon"), None);
    }
}
