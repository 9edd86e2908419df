//! `strftime_now` for chat templates: some tell the model what day it is. UTC, and only what templates ask for; an
//! unknown letter stays as it is written.

use std::time::{SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// A time in the words of a format such as `%d %b %Y`.
pub fn format(format: &str, time: SystemTime) -> String {
    // NB: a clock before 1970 is wrong, and no reason to fail.
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], index: u64| names.get(index as usize).copied().unwrap_or_default();
    let short = |name: &'static str| &name[..3];
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('Y') => text += &year.to_string(),
            Some('y') => text += &format!("{:02}", year % 100),
            Some('m') => text += &format!("{month:02}"),
            Some('d') => text += &format!("{day:02}"),
            Some('B') => text += name(&MONTHS, month - 1),
            Some('b') => text += short(name(&MONTHS, month - 1)),
            Some('A') => text += name(&DAYS, days % 7),
            Some('a') => text += short(name(&DAYS, days % 7)),
            Some('H') => text += &format!("{:02}", clock / 3600),
            Some('M') => text += &format!("{:02}", clock / 60 % 60),
            Some('S') => text += &format!("{:02}", clock % 60),
            Some('%') | None => text.push('%'),
            Some(other) => text.extend(['%', other]),
        }
    }
    text
}

/// Year, month and day of a count of days since 1970, by the four-hundred-year cycle that begins in March 0000
/// (Hinnant, chrono-compatible low-level date algorithms).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates() {
        let check = |seconds, form: &str, expected: &str| {
            assert_eq!(format(form, UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        };
        check(0, "%d %b %Y", "01 Jan 1970");
        check(951_782_400, "%A, %B %d, %Y", "Tuesday, February 29, 2000");
        check(1_709_251_199, "%Y-%m-%d %H:%M:%S", "2024-02-29 23:59:59");
        check(1_767_225_599, "%a %y %% %q %", "Wed 25 % %q %");
        check(4_107_542_400, "%Y-%m-%d", "2100-03-01");
        assert_eq!(format("%Y", UNIX_EPOCH - Duration::from_secs(9)), "1970");
    }
}
