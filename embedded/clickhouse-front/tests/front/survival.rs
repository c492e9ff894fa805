//! What was acknowledged is there after `kill -9`.

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::running::{Running, library};

#[derive(Row, Serialize, Deserialize)]
struct Stored {
    batch: u64,
    number: u64,
}

const BATCH_ROWS: u64 = 2_000;
const KILLS: u64 = 3;
/// At the bound, storing waits.
const REPORTS_WAITING: usize = 64;

/// Stores batches until the front is gone; reports each one that was acknowledged.
async fn store(client: Client, first: u64, acknowledged: mpsc::Sender<u64>) {
    for batch in first.. {
        let stored = async {
            let mut insert = client.insert::<Stored>("survivors").await?;
            for number in 0..BATCH_ROWS {
                insert.write(&Stored { batch, number }).await?;
            }
            insert.end().await
        };
        if stored.await.is_err() || acknowledged.send(batch).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_rows_survive_a_kill_in_mid_insert() {
    let Some(library) = library() else { return };
    let folder = tempfile::tempdir().expect("temp folder");
    let mut front = Running::start(&library, folder.path());
    let ddl =
        "CREATE TABLE survivors (batch UInt64, number UInt64) ENGINE = MergeTree ORDER BY batch";
    front.writer().query(ddl).execute().await.expect("created");
    let mut next = 0;
    let mut all_acknowledged = Vec::new();
    for kill in 0..KILLS {
        let (sender, mut acknowledged) = mpsc::channel(REPORTS_WAITING);
        let storing = tokio::spawn(store(front.writer(), next, sender));
        // Killed while the batch after the last of these is on its way.
        for _ in 0..=3 * kill {
            all_acknowledged.push(acknowledged.recv().await.expect("the front stores"));
        }
        front.kill();
        storing.await.expect("ended");
        while let Some(batch) = acknowledged.recv().await {
            all_acknowledged.push(batch);
        }
        next = all_acknowledged.last().map_or(0, |last| last + 2);
        front = Running::start(&library, folder.path());
        let sql = "SELECT batch, count() FROM survivors GROUP BY batch ORDER BY batch";
        let counts: Vec<(u64, u64)> = front
            .writer()
            .query(sql)
            .fetch_all()
            .await
            .expect("fetched");
        // A batch in one block is there as a whole or not at all.
        assert!(
            counts.iter().all(|(_, count)| *count == BATCH_ROWS),
            "{counts:?}"
        );
        let missing: Vec<_> = all_acknowledged
            .iter()
            .filter(|batch| !counts.iter().any(|(stored, _)| stored == *batch))
            .collect();
        assert!(missing.is_empty(), "lost: {missing:?}");
    }
    front.terminate();
    assert!(front.ends(), "not ended with success");
}
