//! What the machine has, as far as choosing and refusing a model needs it. Reads, never changes.

/// CPU features that the build's kernels use and this machine lacks; llama.cpp would end the process with an illegal
/// instruction. Empty where all is well or where the architecture has no such question.
pub fn missing_cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("f16c", std::arch::is_x86_feature_detected!("f16c")),
            ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
        ];
        features.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    Vec::new()
}

/// Bytes of memory that a new allocation can have without swapping, in a container those that it has left; `None`
/// where the system does not say it cheaply.
pub fn available_memory() -> Option<u64> {
    let container = || {
        let number = |name: &str| {
            std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok()
        };
        Some(number("memory.max")?.saturating_sub(number("memory.current")?))
    };
    [system_memory(), container()].into_iter().flatten().min()
}

fn system_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Resident bytes of this process; `None` where the system does not say it cheaply.
pub fn resident_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Threads worth computing with: hardware threads that this process may use, at most 8, since more gain little for
/// one sequence and cost the machine its quiet.
pub fn compute_threads() -> u32 {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    threads.clamp(1, 8) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_answers() {
        assert!(compute_threads() >= 1);
        if cfg!(target_os = "linux") {
            assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
            assert!(resident_memory().is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
