fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_ansi(false).init();
    let dir = std::env::args().nth(1).unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        let stop = tokio_util::sync::CancellationToken::new();
        let rx = agent::manifests::watch(agent::manifests::Options{dir: dir.into(), last_good_dir: None, rescan: std::time::Duration::from_secs(20)}, stop.clone());
        agent::kubelet::run(agent::kubelet::NodeConfig::standard("n1"), rx, stop).await.unwrap();
    });
}
