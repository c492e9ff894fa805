//! The page in a real browser: every dashboard, both themes, three widths.
//!
//! With `GAPLESS_SCREENSHOTS` set to a folder, what was seen is kept there.

use crate::devtools::Browser;
use crate::store::Store;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gapless_page::{Library, PageOptions, page_router};
use serde_json::{Value, json};

/// Serves the page on a free port of the loopback; its address.
async fn served(store: Option<&Store>) -> Option<String> {
    let store = store?;
    let status = std::sync::Arc::new(|| {
        json!({"title": "Demo", "items": [{"label": "Events/s", "value": 212},
            {"label": "Gaps opened", "value": 31}, {"label": "Healed", "value": 29, "state": "ok"}]})
    });
    let page = page_router(PageOptions {
        store: store.reader(),
        status: Some(status),
        clock: None,
    });
    let page = page.expect("the dashboards are allowed");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, page).await });
    Some(address)
}

/// Runs `look` in a thread of its own: the protocol's calls wait.
async fn in_browser(address: String, look: fn(&mut Browser, &str)) {
    let looked = tokio::task::spawn_blocking(move || {
        if let Some(mut browser) = Browser::start() {
            look(&mut browser, &address);
        }
    });
    looked.await.expect("the page is as it should be");
}

fn keep(name: &str, screenshot: &str) {
    let Some(folder) = std::env::var_os("GAPLESS_SCREENSHOTS") else {
        return;
    };
    let image = BASE64_STANDARD.decode(screenshot).expect("base64");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(std::path::Path::new(&folder).join(name), image).expect("a file");
}

/// Elements that reach beyond the window or the panel that holds them.
const CLIPPED: &str = "(() => {
    const wide = document.documentElement.clientWidth;
    const found = [...document.querySelectorAll('button, a, h2, .stat-value, .chart, .legend, td')];
    const inside = (one) => !one.closest('.scroll, .skip, .unseen');
    const out = found.filter((one) => inside(one) && one.getClientRects().length
        && (one.getBoundingClientRect().right > wide + 1 || one.getBoundingClientRect().left < -1));
    const cut = [...document.querySelectorAll('.panel-stat, .panel-text')].filter((one) => {
        const body = one.querySelector('.panel-body');
        return body.scrollWidth > body.clientWidth + 1 || body.scrollHeight > body.clientHeight + 1
            || one.scrollHeight > one.clientHeight + 2;
    });
    return [...out, ...cut].map((one) => `${one.className} ${one.textContent.slice(0, 40)}`);
})()";

/// Kept once the window's new size has been laid out and drawn.
const PAINTED: &str = "new Promise((resolve) => requestAnimationFrame(() => \
                       requestAnimationFrame(() => setTimeout(() => resolve(true), 100))))";

#[tokio::test(flavor = "multi_thread")]
async fn every_dashboard_is_whole_at_every_width_in_both_themes() {
    let Some(address) = served(crate::filled().await).await else {
        return;
    };
    in_browser(address, |browser, address| {
        let library = Library::load().expect("the dashboards are allowed");
        for dashboard in library.dashboards() {
            let uid = &dashboard.uid;
            // One load; then the window and the system's theme change under the open page.
            browser.look(1600, 900, "light");
            browser.open(&format!("{address}/d/{uid}"));
            for theme in ["light", "dark"] {
                for width in [1600, 768, 390, 320] {
                    let name = format!("{uid}-{width}-{theme}.png");
                    browser.look(width, 900, theme);
                    browser.evaluate(PAINTED);
                    keep(&name, &browser.screenshot());
                    let wide =
                        browser.evaluate("document.documentElement.scrollWidth - innerWidth");
                    assert!(
                        wide.as_i64().is_some_and(|over| over <= 0),
                        "{name}: {wide} px too wide"
                    );
                    assert_eq!(browser.evaluate(CLIPPED), json!([]), "{name}: clipped");
                    let text = browser.evaluate("document.body.innerText");
                    let text = text.as_str().expect("text");
                    for wrong in [
                        "NaN",
                        "undefined",
                        "${",
                        "[object",
                        "No figures",
                        "Infinity",
                    ] {
                        assert!(!text.contains(wrong), "{name}: {wrong} in the text");
                    }
                    for panel in dashboard.all_panels().filter(|panel| panel.view.asks()) {
                        assert!(text.contains(&panel.title), "{name}: no {}", panel.title);
                    }
                }
            }
        }
        assert_eq!(browser.complaints, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_gives_empty_panels_and_no_error() {
    let Some(address) = served(crate::empty().await).await else {
        return;
    };
    in_browser(address, |browser, address| {
        for uid in [
            "gapless-overview",
            "gapless-pull-requests",
            "gapless-issues",
            "gapless-completeness",
        ] {
            browser.look(1440, 900, "light");
            browser.open(&format!("{address}/d/{uid}"));
            keep(&format!("{uid}-empty.png"), &browser.screenshot());
            let text = browser.evaluate("document.body.innerText");
            let text = text.as_str().expect("text");
            for wrong in ["NaN", "undefined", "${", "No figures"] {
                assert!(!text.contains(wrong), "{uid}: {wrong} in the text");
            }
            assert!(
                text.contains("in this range and selection."),
                "{uid}: nothing says it is empty"
            );
        }
        assert_eq!(browser.complaints, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_restores_all_and_controls_change_it() {
    let Some(address) = served(crate::filled().await).await else {
        return;
    };
    in_browser(address, |browser, address| {
        browser.look(1440, 900, "light");
        let asked = "from=now-28d&to=now&var-organisation=acme&var-repository=acme%2Fapi\
                     &var-author=%24__all&var-bucket=day&var-bots=1";
        browser.open(&format!("{address}/d/gapless-overview?{asked}"));
        let bar = browser.evaluate("document.querySelector('.head').innerText");
        for shown in ["Last 28 days", "acme/api", "Day"] {
            assert!(bar.as_str().is_some_and(|text| text.contains(shown)), "no {shown} in {bar}");
        }
        assert_eq!(browser.evaluate("location.search.slice(1)"), asked);
        // Another organisation: the repository of the former one goes.
        browser.evaluate("[...document.querySelectorAll('.bar .button')][0].click()");
        browser.evaluate("[...document.querySelectorAll('.popover .choice')].find((one) => one.textContent === 'acme-labs').click()");
        let settled = "new Promise((resolve) => { const look = () => document.querySelector('main[aria-busy]') ? setTimeout(look, 20) : resolve(location.search); look(); })";
        let search = browser.evaluate(settled);
        assert!(search.as_str().is_some_and(|text| text.contains("var-organisation=acme-labs")), "{search}");
        // Links to other dashboards keep range and variables.
        let links = browser.evaluate("[...document.querySelectorAll('.tabs a, .text a')].map((one) => one.search)");
        for link in links.as_array().expect("links") {
            assert!(link.as_str().is_some_and(|text| text.contains("now-28d")), "{link}");
        }
        assert_eq!(browser.complaints, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_every_control_and_a_chart_has_a_table_and_a_csv() {
    let Some(address) = served(crate::filled().await).await else {
        return;
    };
    in_browser(address, |browser, address| {
        browser.look(1440, 900, "dark");
        browser.open(&format!("{address}/d/gapless-issues"));
        let mut reached = Vec::new();
        for _ in 0..120 {
            press(browser, "Tab");
            let name = browser.evaluate(
                "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()",
            );
            reached.push(name.as_str().unwrap_or_default().to_owned());
        }
        for control in ["Skip to the figures", "Completeness", "Time range: Last 26 weeks", "Ask again now", "Use the light theme", "Repository: All", "Month", "More of Open issues [day]"] {
            assert!(reached.iter().any(|name| name == control), "{control} is not reached: {reached:?}");
        }
        browser.evaluate("document.querySelector('#panel-22 .tool-menu').focus()");
        press(browser, "Enter");
        press(browser, "Enter");
        let table = browser.evaluate("document.querySelectorAll('#panel-22 tbody tr').length");
        let days = browser.evaluate("fetch('/api/dashboards/gapless-issues/panels/22/data').then((one) => one.json()).then((one) => one.rows.length)");
        assert!(table.as_i64().is_some_and(|count| count > 100), "{table}");
        assert_eq!(table, days);
        let label = browser.evaluate("document.querySelector('#panel-20 .chart').getAttribute('aria-label')");
        assert!(label.as_str().is_some_and(|text| text.contains("last: Opened")), "{label}");
        let csv = "import('/assets/format.js').then((one) => one.csv({columns: [{name: 'time', kind: 'time'}, {name: 'a,b', kind: 'string'}, {name: 'n', kind: 'number'}], rows: [[86400000, 'o\"x', 1], [0, null, 0.5]]}))";
        assert_eq!(browser.evaluate(csv), Value::from("time,\"a,b\",n\r\n1970-01-02,\"o\"\"x\",1\r\n1970-01-01,,0.5\r\n"));
        assert_eq!(browser.complaints, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn durations_ranges_and_names_are_written_as_they_are_read() {
    let Some(address) = served(crate::empty().await).await else {
        return;
    };
    in_browser(address, |browser, address| {
        browser.open(&format!("{address}/d/gapless-overview"));
        // Seconds in the unit that suits them: never "0.0 h", never a day for 29 hours.
        for (seconds, written) in [
            ("0", "0 s"),
            ("1", "1 s"),
            ("0.25", "0.3 s"),
            ("89", "89 s"),
            ("90", "1.5 min"),
            ("5399", "90.0 min"),
            ("5400", "1.5 h"),
            ("104400", "29.0 h"),
            ("129600", "1.5 d"),
            ("31536000", "365.0 d"),
        ] {
            let asked = format!(
                "import('/assets/format.js').then((one) => one.text({seconds}, {{kind: 'number', config: {{unit: 's', decimals: 1}}}}))"
            );
            assert_eq!(browser.evaluate(&asked), written, "{seconds}");
        }
        for (range, written) in [
            ("'now-26w/w', 'now'", "Last 26 weeks"),
            ("'now-1y', 'now'", "Last year"),
            ("'now-3M/M', 'now'", "Last 3 months"),
            ("'now-36h', 'now'", "Last 36 hours"),
            ("'2026-01-01', '2026-02-01'", "2026-01-01 to 2026-02-01"),
        ] {
            let asked = format!("import('/assets/controls/range.js').then((one) => one.label({range}))");
            assert_eq!(browser.evaluate(&asked), written, "{range}");
        }
        for (names, written) in [
            ("['acme/api', 'acme/web', '']", "api"),
            ("['acme/api', 'acme-labs/web']", "acme/api"),
            ("['acme/api', 'acme']", "acme/api"),
        ] {
            let asked = format!("import('/assets/field.js').then((one) => one.shortNames({names})('acme/api'))");
            assert_eq!(browser.evaluate(&asked), written, "{names}");
        }
        // Ends and ticks of axes: a tick each unit people count in, and none in between.
        for (axis, values, ends) in [
            ("logAxis", "[33 * 60, 1900, 8 * 86400]", "600 2592000"),
            ("logAxis", "[0, 40]", "10 60"),
            ("logAxis", "[]", "1 60"),
            ("logAxis", "[0.4, 2]", "0.1 10"),
            ("logAxis", "[0.05, 0.08]", "0.1 1"),
            ("logAxis", "[5, 500 * 86400]", "1 315360000"),
            ("durationAxis", "[3 * 3600, 9 * 3600]", "2 36000"),
            ("durationAxis", "[0]", "4 4"),
            ("durationAxis", "[58 * 86400, 170 * 86400]", "4 17280000"),
        ] {
            let asked = format!(
                "import('/assets/panels/chart.js').then((one) => {{
                    const axis = one.{axis}({values});
                    const round = (value) => Number((10 ** value).toPrecision(6));
                    return axis.interval
                        ? `${{Math.round(axis.max / axis.interval)}} ${{Math.round(axis.max)}}`
                        : `${{round(axis.min)}} ${{round(axis.max)}}`;
                }})"
            );
            assert_eq!(browser.evaluate(&asked), ends, "{axis} {values}");
        }
        assert_eq!(browser.complaints, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_early_is_told_in_a_sentence_and_an_aborted_one_is_no_failure() {
    let Some(address) = served(crate::empty().await).await else {
        return;
    };
    in_browser(address, |browser, address| {
        browser.open(&format!("{address}/d/gapless-overview"));
        for (response, told) in [
            (
                "new Response('{\"rows\": [[')",
                "Failure: The answer was cut off.",
            ),
            ("new Response('')", "Failure: The answer was cut off."),
            (
                "new Response('<html>', { status: 500 })",
                "Failure: The server answered 500.",
            ),
            (
                "new Response('{\"error\": \"Too much.\"}', { status: 413 })",
                "Failure: Too much.",
            ),
            (
                "{ ok: true, json: async () => { throw new DOMException('', 'AbortError'); } }",
                "AbortError",
            ),
        ] {
            let asked = format!(
                "(async () => {{
                    const {{ data, Failure }} = await import('/assets/api.js');
                    const real = window.fetch;
                    window.fetch = async () => ({response});
                    try {{
                        return JSON.stringify(await data('gapless-overview', 10, ''));
                    }} catch (error) {{
                        return error instanceof Failure ? `Failure: ${{error.message}}` : error.name;
                    }} finally {{
                        window.fetch = real;
                    }}
                }})()"
            );
            assert_eq!(browser.evaluate(&asked), told, "{response}");
        }
    })
    .await;
}

fn press(browser: &mut Browser, key: &str) {
    let code = if key == "Tab" { 9 } else { 13 };
    let text = if key == "Enter" { "\r" } else { "" };
    for kind in ["keyDown", "keyUp"] {
        browser.call(
            "Input.dispatchKeyEvent",
            json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": if kind == "keyDown" { text } else { "" }}),
        );
    }
}
