//! The engine on a file of its own.

use super::*;
use crate::store::contract;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        expiry_interval: Duration::from_millis(50),
        ..EmbeddedOptions::default()
    };
    let store = Embedded::open(&dir.path().join("db"), options).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), crate::store::FIRST_REVISION);
    contract::all(Arc::new(store)).await;
}
