// Questions to the server: names and values, never SQL.

/** A failure that can be told in one sentence. */
export class Failure extends Error {}

async function get(path, signal) {
  let response;
  try {
    response = await fetch(path, { signal, headers: { accept: 'application/json' } });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Failure('Gapless does not answer. Is it still running?');
  }
  if (response.status === 204) return null;
  const body = await response.json().catch((error) => {
    // Aborted while the body came: nobody waits for it any more, which is no failure.
    if (error.name === 'AbortError') throw error;
    return null;
  });
  if (!response.ok) throw new Failure(body?.error ?? `The server answered ${response.status}.`);
  if (body === null) throw new Failure('The answer was cut off.');
  return body;
}

const of = (uid) => `/api/dashboards/${encodeURIComponent(uid)}`;

/** Titles for the navigation. */
export const dashboards = () => get('/api/dashboards');
/** A dashboard without its statements. */
export const dashboard = (uid) => get(of(uid));
/** Time range and variables, resolved. */
export const variables = (uid, query, signal) => get(`${of(uid)}/variables?${query}`, signal);
/** A panel's columns and rows. */
export const data = (uid, id, query, signal) => get(`${of(uid)}/panels/${id}/data?${query}`, signal);
/** What the demo tells of itself; null where there is none. */
export const status = () => get('/api/status');
