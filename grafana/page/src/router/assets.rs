//! Files of the front end, from the binary.
//!
//! A browser asks each time and gets "unchanged" by the file's hash: after an update no page runs
//! half old, half new scripts. Only the charting library, whose name holds its version, is kept.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../assets/", $path)))),*]
    };
}

/// Every file by its path under `/assets/`.
static ASSETS: &[(&str, &[u8])] = assets![
    "icon.svg",
    "theme.js",
    "style/tokens.css",
    "style/page.css",
    "style/controls.css",
    "style/panels.css",
    "app.js",
    "address.js",
    "api.js",
    "controls/popover.js",
    "controls/range.js",
    "controls/refresh.js",
    "controls/theme.js",
    "controls/variable.js",
    "dom.js",
    "field.js",
    "format.js",
    "head.js",
    "links.js",
    "live.js",
    "markdown.js",
    "panel.js",
    "panels/barchart.js",
    "panels/chart.js",
    "panels/gauge.js",
    "panels/rows.js",
    "panels/stat.js",
    "panels/status-history.js",
    "panels/table.js",
    "panels/text.js",
    "panels/timeseries.js",
    "vendor/echarts-6.1.0.min.js",
];

/// The page itself.
const PAGE: &[u8] = include_bytes!("../../assets/index.html");

/// The page of any dashboard: its script reads which from the address.
pub(super) async fn page(headers: HeaderMap) -> Response {
    file("index.html", PAGE, &headers)
}

/// A file of the front end.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|(name, _)| *name == path) {
        Some((name, bytes)) => file(name, bytes, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(name: &str, bytes: &'static [u8], headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hash(bytes));
    let kept = if name.starts_with("vendor/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let described = [
        (CONTENT_TYPE, media_type(name)),
        (CACHE_CONTROL, kept),
        (ETAG, tag.as_str()),
    ];
    if headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes())
    {
        return (StatusCode::NOT_MODIFIED, described).into_response();
    }
    (described, bytes).into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path as FilePath;

    #[test]
    fn the_charting_library_is_the_one_that_was_vendored() {
        let (_, bytes) = ASSETS
            .iter()
            .find(|(name, _)| name.starts_with("vendor/"))
            .unwrap();
        assert_eq!(
            hash(bytes),
            "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"
        );
    }

    #[test]
    fn every_file_of_the_front_end_is_served() {
        let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let is_note = name.starts_with("vendor/") && !name.ends_with(".js");
                let is_served = ASSETS.iter().any(|(served, _)| *served == name);
                assert!(
                    is_served || is_note || name == "index.html",
                    "{name} is not served"
                );
            }
        }
    }
}
