// What the address says: dashboard, time range, variables, refresh. Names are Grafana's.

/** Reads the address. */
export function read() {
  const parameters = new URLSearchParams(location.search);
  const variables = new Map();
  for (const [name, value] of parameters) {
    if (!name.startsWith('var-')) continue;
    const key = name.slice(4);
    variables.set(key, [...(variables.get(key) ?? []), value]);
  }
  return {
    uid: decodeURIComponent(location.pathname.split('/')[2] ?? ''),
    from: parameters.get('from'), to: parameters.get('to'),
    refresh: parameters.get('refresh'), variables,
  };
}

/** `from=…&to=…&var-…`, of what differs from the dashboard's own choice. */
export function query(chosen) {
  const parameters = new URLSearchParams();
  if (chosen.from) parameters.set('from', chosen.from);
  if (chosen.to) parameters.set('to', chosen.to);
  for (const [name, values] of chosen.variables) {
    for (const value of values) parameters.append(`var-${name}`, value);
  }
  return parameters;
}

/** Writes the address; `push` makes a step that "back" undoes. */
export function write(chosen, push) {
  const parameters = query(chosen);
  if (chosen.refresh !== null) parameters.set('refresh', chosen.refresh);
  const text = parameters.toString();
  const address = `/d/${encodeURIComponent(chosen.uid)}${text ? `?${text}` : ''}`;
  if (address === location.pathname + location.search) return;
  history[push ? 'pushState' : 'replaceState'](null, '', address);
}
