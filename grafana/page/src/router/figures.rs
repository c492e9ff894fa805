//! Dashboards, variables and figures as JSON.

use super::Page;
use super::problem::Problem;
use crate::dashboard::Dashboard;
use crate::macros::expand;
use crate::query::{Column, NoAnswer};
use crate::range::Range;
use crate::variables::{Resolved, resolve};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A dashboard in the navigation.
#[derive(Debug, Serialize)]
pub(super) struct Title {
    uid: String,
    title: String,
    description: String,
}

/// Time range and variables.
#[derive(Debug, Serialize)]
pub(super) struct Chosen {
    from_millis: i64,
    to_millis: i64,
    now_millis: i64,
    variables: Vec<Resolved>,
}

/// A panel's figures.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

/// What an address says: time range and variables, in Grafana's names.
type Parameters = Query<Vec<(String, String)>>;

pub(super) async fn dashboards(State(page): State<Arc<Page>>) -> Json<Vec<Title>> {
    let titles = page.library.dashboards().iter().map(|dashboard| Title {
        uid: dashboard.uid.clone(),
        title: dashboard.title.clone(),
        description: dashboard.description.clone(),
    });
    Json(titles.collect())
}

pub(super) async fn status(State(page): State<Arc<Page>>) -> Response {
    match &page.status {
        Some(tell) => Json(tell()).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

pub(super) async fn dashboard(
    State(page): State<Arc<Page>>,
    Path(uid): Path<String>,
) -> Result<Json<Dashboard>, Problem> {
    Ok(Json(find(&page, &uid)?.clone()))
}

pub(super) async fn variables(
    State(page): State<Arc<Page>>,
    Path(uid): Path<String>,
    Query(parameters): Parameters,
) -> Result<Json<Chosen>, Problem> {
    let dashboard = find(&page, &uid)?;
    let now = page.now();
    let (range, named) = read(dashboard, parameters, now)?;
    let (variables, _) = resolve(dashboard, &named, (range, now), &page.store).await?;
    Ok(Json(Chosen {
        from_millis: range.from_millis,
        to_millis: range.to_millis,
        now_millis: now.as_millisecond(),
        variables,
    }))
}

pub(super) async fn data(
    State(page): State<Arc<Page>>,
    Path((uid, id)): Path<(String, u32)>,
    Query(parameters): Parameters,
) -> Result<Json<Figures>, Problem> {
    let dashboard = find(&page, &uid)?;
    let panel = dashboard
        .panel(id)
        .ok_or_else(|| Problem::not_found("panel"))?;
    let target = panel
        .targets
        .first()
        .ok_or_else(|| Problem::not_found("query"))?;
    let now = page.now();
    let (range, named) = read(dashboard, parameters, now)?;
    let (_, bindings) = resolve(dashboard, &named, (range, now), &page.store).await?;
    let sql = expand(&target.raw_sql, &bindings)?;
    let answer = page.store.ask(&sql).await.inspect_err(|error| {
        if let NoAnswer::Failed(reason) = error {
            tracing::warn!(
                dashboard = uid,
                panel = id,
                reason,
                "a panel's query failed"
            );
        }
    })?;
    let answer = answer.shaped(target.format);
    Ok(Json(Figures {
        columns: answer.columns,
        rows: answer.rows,
    }))
}

fn find<'a>(page: &'a Page, uid: &str) -> Result<&'a Dashboard, Problem> {
    page.library
        .dashboard(uid)
        .ok_or_else(|| Problem::not_found("dashboard"))
}

/// Time range and values of variables that the parameters name; what else they hold is ignored.
fn read(
    dashboard: &Dashboard,
    parameters: Vec<(String, String)>,
    now: Timestamp,
) -> Result<(Range, BTreeMap<String, Vec<String>>), Problem> {
    let (mut from, mut to) = (dashboard.time.from.clone(), dashboard.time.to.clone());
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in parameters {
        match name.as_str() {
            "from" => from = value,
            "to" => to = value,
            _ => {
                if let Some(variable) = name.strip_prefix("var-") {
                    named.entry(variable.into()).or_default().push(value);
                }
            }
        }
    }
    Ok((Range::resolve(&from, &to, now)?, named))
}
