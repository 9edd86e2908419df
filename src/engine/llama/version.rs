//! Which llama.cpp is in this program. It starts nothing, and may be asked before anything else.

use std::ffi::{CStr, c_char};

/// As the linked library calls itself, and the crate that brought it: `llama.cpp 0.6.0-dev, ggml 0.26.0,
/// llama-cpp-sys-2 0.1.161`. The crate's version names the revision: it is published with the sources in it, and they
/// carry no commit.
pub fn version() -> String {
    // SAFETY: both take nothing and give a text that is a literal in the library.
    let [llama, ggml] = unsafe { [llama_cpp_sys_2::llama_version(), llama_cpp_sys_2::ggml_version()] };
    format!("llama.cpp {}, ggml {}, llama-cpp-sys-2 {}", text(llama), text(ggml), pinned())
}

fn text(text: *const c_char) -> String {
    if text.is_null() {
        return "unknown".to_owned();
    }
    // SAFETY: not null, and of a literal: it ends in NUL and stays.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// As `Cargo.toml` pins it.
fn pinned() -> &'static str {
    let lines = || include_str!("../../../Cargo.toml").lines();
    // On the line itself, or, as the manifest of a published crate has it, in a table of its own.
    let line = lines().find(|line| line.starts_with("llama-cpp-sys-2 ="));
    let table = || lines().skip_while(|line| *line != "[dependencies.llama-cpp-sys-2]").nth(1);
    let version = line.or_else(table).and_then(|line| line.split("\"=").nth(1)?.split('"').next());
    version.unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_number() {
        let version = version();
        let numbers = version.split(", ").filter_map(|part| part.rsplit_once(' ')?.1.chars().next());
        assert_eq!(numbers.filter(char::is_ascii_digit).count(), 3, "{version}");
    }
}
