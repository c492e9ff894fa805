//! A way to ClickHouse that can be closed: what goes through it breaks off, as when ClickHouse dies.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) struct Gate {
    url: String,
    is_open: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl Gate {
    /// An open gate before `url`, which is a port of this machine's.
    pub(crate) async fn before(url: &str) -> Self {
        let behind = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (is_open, watched) = watch::channel(true);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                ways.spawn(lead(connection, behind.clone(), watched.clone()));
            }
        });
        Self {
            url,
            is_open,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }
}

async fn lead(mut front: TcpStream, behind: String, mut is_open: watch::Receiver<bool>) {
    if *is_open.borrow()
        && let Ok(mut behind) = TcpStream::connect(behind).await
    {
        tokio::select! {
            _ = copy_bidirectional(&mut front, &mut behind) => {}
            _ = is_open.wait_for(|is_open| !is_open) => {}
        }
    }
}
