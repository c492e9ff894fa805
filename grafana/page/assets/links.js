// Links of files: `${…}` filled in as Grafana fills it in, percent-encoded.

import { query } from './address.js';
import { el } from './dom.js';

/** Fills in a link's address. `row` and `fields` are those of a table's cell. */
export function fill(template, chosen, { row, fields, value } = {}) {
  return template.replace(/\$\{([^}]+)\}/g, (_, name) => {
    if (name === '__url_time_range') {
      const range = new URLSearchParams();
      if (chosen.from) range.set('from', chosen.from);
      if (chosen.to) range.set('to', chosen.to);
      return range.toString();
    }
    if (name === '__value.raw') return encode(value);
    if (name.startsWith('__data.fields.')) {
      const field = fields?.find((one) => one.name === name.slice(14));
      return field ? encode(row[field.at]) : '';
    }
    const variable = name.match(/^(\w+):queryparam$/)?.[1];
    if (!variable) return '';
    const parameters = new URLSearchParams();
    for (const one of chosen.variables.get(variable) ?? []) parameters.append(`var-${variable}`, one);
    return parameters.toString();
  }).replace(/\?&+/, '?').replace(/&&+/g, '&').replace(/[?&]$/, '');
}

/** As JavaScript's `encodeURI`, and what would end a parameter. */
function encode(value) {
  if (value === null || value === undefined) return '';
  return encodeURI(String(value)).replace(/[#&?+']/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The address where it is one that may be opened: of this site, or http(s). */
export function safe(address) {
  if (address.startsWith('/') && !address.startsWith('//')) return address;
  return /^https?:\/\//.test(address) ? address : null;
}

/** An anchor, or plain text where the address may not be opened. */
export function anchor(text, address, blank = false) {
  const href = safe(address);
  if (!href) return document.createTextNode(text);
  return el('a', { href, target: blank && '_blank', rel: blank && 'noopener' }, text);
}

/** The address of another dashboard with the same time range and variables. */
export function toDashboard(uid, chosen) {
  const text = query(chosen).toString();
  return `/d/${encodeURIComponent(uid)}${text ? `?${text}` : ''}`;
}
