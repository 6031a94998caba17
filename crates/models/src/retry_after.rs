//! How long an upstream asks us to wait.

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// A provider that asks for more patience than this is treated as asking for this much.
const RETRY_AFTER_MAX_MS: u64 = 60 * 60 * 1_000;

/// RFC 9110, section 10.2.3: seconds or a date. A date is measured against the response's own
/// `Date`, so that neither clock matters. Some add `retry-after-ms`.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<u64>().ok()) {
        return Some(ms.min(RETRY_AFTER_MAX_MS));
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse::<f64>() {
        if !seconds.is_finite() || seconds < 0.0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded below"
        )]
        let ms = (seconds.min(86_400.0) * 1_000.0) as u64;
        return Some(ms.min(RETRY_AFTER_MAX_MS));
    }
    let millis = |date: &str| {
        rfc2822::parse(date)
            .ok()
            .map(|at| at.timestamp().as_millisecond())
    };
    let wait = millis(value)?.saturating_sub(millis(text(DATE.as_str())?)?);
    Some(u64::try_from(wait).unwrap_or(0).min(RETRY_AFTER_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_takes_seconds_milliseconds_and_dates() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (pairs, expected) in [
            (vec![("retry-after", "7")], Some(7_000)),
            (vec![("retry-after", "0.5")], Some(500)),
            (
                vec![("retry-after-ms", "120"), ("retry-after", "1")],
                Some(120),
            ),
            (
                vec![
                    ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
                    ("date", date),
                ],
                Some(30_000),
            ),
            (
                vec![
                    ("retry-after", "Sun, 06 Nov 1994 08:40:00 GMT"),
                    ("date", date),
                ],
                Some(0),
            ),
            (vec![("retry-after", "999999999")], Some(RETRY_AFTER_MAX_MS)),
            (vec![("retry-after", "-1")], None),
            (vec![("retry-after", "soon")], None),
            (vec![], None),
        ] {
            assert_eq!(retry_after_ms(&headers(&pairs)), expected, "{pairs:?}");
        }
    }
}
