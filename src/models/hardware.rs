//! What the machine has, as far as choosing and refusing a model needs it. Reads, never changes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

/// Whether this build can use a GPU.
pub const OFFLOADS: bool = cfg!(any(feature = "cuda", feature = "vulkan", feature = "metal"));

/// An instruction set of the processor that llama.cpp's kernels may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InstructionSet {
    pub name: &'static str,
    /// The variable of the environment that switches it on and off for a build.
    #[serde(skip)]
    pub option: &'static str,
    /// This build's kernels do.
    pub used: bool,
    /// This machine has it.
    pub there: bool,
    /// Builds for processors with AVX-512 use it too.
    #[serde(skip)]
    pub avx512: bool,
}

/// All of them. As the build told llama.cpp, in variables of the environment; what it is not told it takes to be there,
/// up to AVX2.
#[cfg(target_arch = "x86_64")]
pub fn instruction_sets() -> Vec<InstructionSet> {
    macro_rules! set {
        ($name:literal, $option:literal, $avx512:literal, $($feature:tt)*) => {
            InstructionSet {
                name: $name,
                option: $option,
                used: option_env!($option).map_or(!$avx512, |option| option == "ON"),
                there: $(std::arch::is_x86_feature_detected!($feature))&&*,
                avx512: $avx512,
            }
        };
    }
    vec![
        set!("sse4.2", "GGML_SSE42", false, "sse4.2"),
        set!("avx", "GGML_AVX", false, "avx"),
        set!("avx2", "GGML_AVX2", false, "avx2"),
        set!("fma", "GGML_FMA", false, "fma"),
        set!("f16c", "GGML_F16C", false, "f16c"),
        set!("bmi2", "GGML_BMI2", false, "bmi2"),
        set!("avx512", "GGML_AVX512", true, "avx512f" "avx512cd" "avx512vl" "avx512dq" "avx512bw"),
        set!("avx512-vbmi", "GGML_AVX512_VBMI", true, "avx512vbmi"),
        set!("avx512-vnni", "GGML_AVX512_VNNI", true, "avx512vnni"),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
pub fn instruction_sets() -> Vec<InstructionSet> {
    Vec::new()
}

/// Instruction sets that the build's kernels use and this machine lacks; llama.cpp would end the process with an illegal
/// instruction. Empty where all is well or where the architecture has no such question.
pub fn missing_cpu_features() -> Vec<&'static str> {
    instruction_sets().iter().filter(|set| set.used && !set.there).map(|set| set.name).collect()
}

/// The widest kernels of this build, in one word.
pub fn kernels() -> &'static str {
    let sets = instruction_sets();
    let used = |name: &str| sets.iter().any(|set| set.used && set.name == name);
    let named = ["avx512", "avx2", "avx", "sse4.2"].into_iter().find(|name| used(name));
    named.unwrap_or(std::env::consts::ARCH)
}

/// The build of this very version for processors with AVX-512, where it lies beside `program` and this machine can run
/// it: it reads prompts about twice as fast. Never looked for anywhere else.
pub fn better_build(program: &Path) -> Option<PathBuf> {
    let sets = instruction_sets();
    let mut wider = sets.iter().filter(|set| set.avx512).peekable();
    wider.peek()?;
    let gains = wider.all(|set| set.there) && kernels() != "avx512";
    let name = format!("codesage-{}-avx512{}", env!("CARGO_PKG_VERSION"), std::env::consts::EXE_SUFFIX);
    gains.then(|| program.with_file_name(name)).filter(|path| path.is_file())
}

/// Bytes of memory that a new allocation can have without swapping, in a container those that it has left; `None`
/// where the system does not say it cheaply.
pub fn available_memory() -> Option<u64> {
    let container = || {
        let file = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
        left_in_container(
            &file("memory.max")?,
            &file("memory.current")?,
            &file("memory.stat").unwrap_or_default(),
        )
    };
    [system_memory(), container()].into_iter().flatten().min()
}

/// What a container may still have, by the files of its control group. What it uses counts the files that were read and
/// are kept in memory as long as nobody needs it (kernel documentation, `cgroup-v2.rst`): behind a build that is nearly
/// all of what it may have.
fn left_in_container(max: &str, current: &str, stat: &str) -> Option<u64> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let kept = |name: &str| number(stat.lines().find_map(|line| line.strip_prefix(name))?);
    let kept = [kept("inactive_file "), kept("active_file ")].into_iter().flatten().sum();
    Some(number(max)?.saturating_sub(number(current)?.saturating_sub(kept)))
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

/// How long the threads of this process, those that run now, have waited for a processor that others had, in all; zero
/// where the system does not say it cheaply.
pub fn waited() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let waited = |text: String| text.split_whitespace().nth(1)?.parse::<u64>().ok();
    let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).ok();
    Duration::from_nanos(tasks.filter_map(of).filter_map(waited).fold(0, u64::saturating_add))
}

/// Threads that can run at once in this process: hardware threads, less those that its affinity or its container's
/// share of the processor leaves out.
pub fn usable_threads() -> u32 {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    u32::try_from(threads).unwrap_or(1)
}

/// Threads to compute with until it is known how many are best: at most 8, since more gain little for one sequence and
/// cost the machine its quiet.
pub fn compute_threads() -> u32 {
    usable_threads().min(8)
}

/// What the processor calls itself, where the system says it cheaply, else its architecture.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or(std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_kept_in_memory_leave_it_free() {
        let stat = "anon 300\nfile 650\ninactive_file 500\nactive_file 100\nshmem 50\n";
        for (max, current, stat, left) in [
            ("1000\n", "950\n", stat, Some(650)),
            ("1000\n", "950\n", "", Some(50)),
            ("1000\n", "1200\n", "", Some(0)),
            ("1000\n", "500\n", stat, Some(1000)),
            ("max\n", "950\n", stat, None),
        ] {
            assert_eq!(left_in_container(max, current, stat), left, "{max} {current} {stat}");
        }
    }

    #[test]
    fn the_machine_answers() {
        assert!((1..=usable_threads()).contains(&compute_threads()));
        assert!(!processor().is_empty() && !kernels().is_empty());
        if cfg!(target_os = "linux") {
            assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
            assert!(resident_memory().is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
