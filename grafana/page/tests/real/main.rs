//! The page on a real ClickHouse, with the projections' tables filled by their own mapping, and
//! in a real browser.
//!
//! Where the engine or a browser cannot be had, the tests say so on stderr and pass.

mod agreement;
mod browser;
mod devtools;
mod figures;
mod odd;
mod organisation;
mod store;

use organisation::Organisation;
use store::Store;
use tokio::sync::OnceCell;

/// Half a year of an organisation; all tests read the one store. None where there is no engine.
async fn filled() -> Option<&'static Store> {
    static STORE: OnceCell<Option<Store>> = OnceCell::const_new();
    let organisation = Organisation { now: store::now() };
    let started = STORE.get_or_init(|| Store::start(&FRONT, Some(&organisation)));
    started.await.as_ref()
}

/// Tables without a row.
async fn empty() -> Option<&'static Store> {
    static STORE: OnceCell<Option<Store>> = OnceCell::const_new();
    STORE
        .get_or_init(|| Store::start(&FRONT, None))
        .await
        .as_ref()
}

/// Rare cases, see [`odd`].
async fn odd() -> Option<&'static Store> {
    static STORE: OnceCell<Option<Store>> = OnceCell::const_new();
    let started = STORE.get_or_init(|| async {
        let store = Store::start(&FRONT, None).await?;
        for statement in odd::STATEMENTS {
            store.write(statement).await;
        }
        Some(store)
    });
    started.await.as_ref()
}

/// Arguments that lead this program to [`front_process`].
const FRONT: [&str; 4] = [
    "--exact",
    "front_process",
    "--nocapture",
    "--test-threads=1",
];

/// The ClickHouse front that these tests start: see [`store`].
#[test]
fn front_process() {
    store::become_front_if_asked();
}
