//! Builds the pause program for the target, so that the binary can embed it.
//!
//! It needs the compiler that builds everything else and a linker, no network and no crate.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=src/pause/program.rs");
    println!("cargo:rerun-if-changed=build.rs");
    let output = PathBuf::from(variable("OUT_DIR")?).join("pause");
    let mut compile = compiler()?;
    compile.args([
        "--crate-name=pause",
        "--crate-type=bin",
        "--edition=2024",
        "-Cpanic=abort",
        "-Copt-level=s",
    ]);
    compile.args([
        "-Cstrip=symbols",
        "-Ccodegen-units=1",
        "-Crelocation-model=static",
        "-Ctarget-feature=+crt-static",
    ]);
    // No start files and no library; one segment and no build id keep the file at a few kilobytes.
    for argument in [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none,-z,noseparate-code",
    ] {
        compile.arg(format!("-Clink-arg={argument}"));
    }
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut argument = OsString::from("-Clinker=");
        argument.push(linker);
        compile.arg(argument);
    }
    compile
        .arg("--target")
        .arg(variable("TARGET")?)
        .arg("-o")
        .arg(&output)
        .arg("src/pause/program.rs");
    let status = compile
        .status()
        .map_err(|error| format!("cannot start the compiler: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("building the pause program failed: {status}"))
    }
}

#[allow(clippy::disallowed_methods, reason = "a build script starts the compiler")]
fn compiler() -> Result<Command, String> {
    Ok(Command::new(variable("RUSTC")?))
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"))
}
