//! Process set-up, in the order it must happen, then [`codesage::cli`]. Does nothing else.

use std::fs::File;
use std::io;
use std::process::exit;

use codesage::cli;
#[cfg(unix)]
use codesage::models::hardware;

fn main() {
    // Before standard output is moved: `--help` and `--version` are printed in here.
    let arguments = cli::parse();
    set_environment();
    let wire = match take_standard_output() {
        Ok(wire) => wire,
        Err(error) => {
            eprintln!("codesage: cannot set up standard output: {error}");
            exit(1);
        }
    };
    // Not by returning: a read of standard input that blocks in its thread cannot be taken back.
    exit(cli::run(arguments, wire));
}

/// What libraries read from the environment before `main` begins, or in other threads: so the program is started anew
/// in the same process, once, with these in place; as the build for this processor, where there is one beside it. Where
/// that fails it runs on as it is.
///
/// - `GGML_NO_BACKTRACE`: ggml would answer a failed assertion with a debugger that inherits our streams.
/// - `GOMP_SPINCOUNT`: libgomp's threads wait for one another by spinning. Beside any busy process that collapses:
///   `codesage demo` read 187 prompt tokens a second on two busy cores without it, 1,822 with it. It costs something on
///   an idle machine. A token of a model of 0.5 B took 20.0 ms there with 1,000, 18.7 with 10,000 and 17.0 with libgomp's
///   own 300,000; beside one busy process 39 with 1,000, and 142 with 10,000 (`bench engine --only speed`, two cores).
#[cfg(unix)]
fn set_environment() {
    use std::os::unix::process::CommandExt;

    const MARK: &str = "GGML_NO_BACKTRACE";
    if std::env::var_os(MARK).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    for program in hardware::better_build(&program).into_iter().chain([program]) {
        let mut again = std::process::Command::new(&program);
        again.args(std::env::args_os().skip(1)).env(MARK, "1");
        if std::env::var_os("GOMP_SPINCOUNT").is_none() && std::env::var_os("OMP_WAIT_POLICY").is_none() {
            again.env("GOMP_SPINCOUNT", "1000");
        }
        let error = again.exec();
        eprintln!("codesage: cannot start {} with a quiet environment: {error}", program.display());
    }
}

/// Neither library is there.
#[cfg(not(unix))]
fn set_environment() {}

/// Standard output as a handle that only we hold. Whatever else writes to descriptor 1, C code above all, lands on
/// standard error from here on.
#[cfg(unix)]
fn take_standard_output() -> io::Result<File> {
    use std::os::fd::AsFd;

    let wire = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(wire))
}

/// NB: here C code could still write to it; nothing we know of does.
#[cfg(windows)]
fn take_standard_output() -> io::Result<File> {
    use std::os::windows::io::AsHandle;

    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}
