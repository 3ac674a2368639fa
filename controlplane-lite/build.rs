//! Generates the etcd client from `proto/`, in process: no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(["proto/etcd.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(false)
        // Values are shared, not copied, out of a received message.
        .bytes(".")
        .compile_fds(files)?;
    Ok(())
}
