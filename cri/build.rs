//! Generates `cri::v1` from `proto/`, in process: no `protoc` is needed for it.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(["proto/runtime.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        // The fake serves what a kubelet needs; the rest answers "unimplemented", as an older runtime would.
        .generate_default_stubs(true)
        // Its own Debug, without the secrets, is in src/redact.rs.
        .skip_debug(["runtime.v1.AuthConfig"])
        .compile_fds(files)?;
    Ok(())
}
