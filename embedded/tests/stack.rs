//! Both parts on one data folder: started, used, killed, started again.

use gapless_embedded::{Embedded, Options, PartCommand, become_part_if_asked};

#[test]
fn embedded_part() {
    become_part_if_asked();
}

#[tokio::test(flavor = "multi_thread")]
async fn starts() {
    let folder = tempfile::tempdir().expect("temp folder");
    let embedded = Embedded::start(Options {
        data_dir: folder.path().into(),
        cache_dir: None,
        part_command: PartCommand::this_test("embedded_part").expect("this program"),
    })
    .await
    .expect("started");
    println!(
        "{} {}",
        embedded.kafka_bootstrap(),
        embedded.clickhouse_url()
    );
    embedded.stop().await;
}
