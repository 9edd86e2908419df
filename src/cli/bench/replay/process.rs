//! What the system says about a process: memory and processor time. Nulls where it says nothing.

use std::fs;

use serde_json::{Map, Value};

/// Ticks a second in `/proc`, whatever the kernel's own clock: part of Linux's interface.
const TICKS: f64 = 100.0;

/// Bytes: the most ever resident, and what is resident of its own and of files.
pub fn memory(process: u32) -> Value {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let names = [("VmHWM:", "peakBytes"), ("RssAnon:", "anonymousBytes"), ("RssFile:", "fileBytes")];
    let fields = names.map(|(line, name)| {
        (name.to_owned(), kilobytes(&status, line).map_or(Value::Null, |k| (k * 1024).into()))
    });
    Value::Object(Map::from_iter(fields))
}

/// Of all its threads, those that have ended too.
pub fn cpu_seconds(process: u32) -> Option<f64> {
    ticks(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Processes that want to run, over the last minute.
pub fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Field 14 and 15; the name in field 2 may hold anything but ends at the last bracket.
fn ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 7 8 9";
        assert_eq!(ticks(stat), Some(3.0));
        assert_eq!((ticks(""), ticks("1 (a) S 1")), (None, None));
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmHWM:\t  12 kB\n", "VmHWM:"), Some(12));
        assert_eq!(kilobytes("VmHWM: x\n", "VmHWM:"), None);
        if cfg!(target_os = "linux") {
            let own = std::process::id();
            assert!(memory(own)["peakBytes"].as_u64() > Some(1 << 20));
            assert!(cpu_seconds(own).is_some() && load().is_some());
        }
    }
}
