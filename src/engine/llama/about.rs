//! What llama.cpp says of its own build. For measurements: two programs are only compared fairly where both compute with
//! the same instructions.

use std::ffi::{CStr, c_char};

use llama_cpp_sys_2 as sys;

use super::version;

/// The version of ggml and what of the processor it was built to use, in llama.cpp's own words.
pub fn about() -> String {
    // SAFETY: it returns a pointer to text that ends with a zero and lives as long as the program; it is written anew by
    // each call, with the same bytes.
    let system = unsafe { text(sys::llama_print_system_info()) };
    format!("{}, {}", version(), system.trim_end_matches([' ', '|']))
}

/// # Safety
/// `pointer` is null, or leads to text that ends with a zero and is not changed meanwhile.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
