// Values as text. Missing is "–", zero is 0, counts are written in full, days are UTC.

export const MISSING = '–';
const DAY = 86_400_000;

const number = (value, decimals) => value.toLocaleString('en-US', {
  minimumFractionDigits: decimals, maximumFractionDigits: decimals,
});
const digits = (value, config, otherwise) =>
  config.decimals ?? (Number.isInteger(value) ? 0 : otherwise);

/** `2026-03-04`. */
export const day = (millis) => new Date(millis).toISOString().slice(0, 10);
/** `2026-03-04 15:30`. */
export const minute = (millis) => new Date(millis).toISOString().slice(0, 16).replace('T', ' ');
/** A day where the time is midnight, else to the minute. */
export const instant = (millis) => (millis % DAY === 0 ? day(millis) : minute(millis));

const DURATIONS = [[1, 's'], [60, 'min'], [3600, 'h'], [86400, 'd']];

/** The unit that suits so many seconds: `[its seconds, its sign]`. */
export const durationUnit = (size) => DURATIONS.findLast(([step]) => size >= 1.5 * step) ?? DURATIONS[0];

/** Seconds in the unit that suits them, with one decimal; whole seconds without. */
function seconds(value, config) {
  const [by, unit] = durationUnit(Math.abs(value));
  const whole = by === 1 && Number.isInteger(value);
  return { text: number(value / by, whole ? 0 : config.decimals ?? 1), unit };
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (Math.abs(value) >= 1024 && at < units.length - 1) { value /= 1024; at += 1; }
  return { text: number(value, at === 0 ? 0 : 1), unit: units[at] };
}

function fromNow(millis) {
  const ago = (Date.now() - millis) / 1000;
  const { text, unit } = seconds(Math.abs(ago), { decimals: 0 });
  return { text: ago >= 0 ? `${text} ${unit} ago` : `in ${text} ${unit}`, unit: '' };
}

/** A value with its unit apart: `{text, unit, missing}`. */
export function parts(value, field) {
  const config = field.config ?? {};
  const mapped = config.mappings?.find((one) => one.options?.[String(value)])?.options[String(value)];
  if (mapped?.text) return { text: mapped.text, unit: '', missing: false };
  if (value === null || value === undefined || value === '' || Number.isNaN(value)) {
    return { text: config.noValue ?? MISSING, unit: '', missing: true };
  }
  if (field.kind === 'time' && config.unit !== 'dateTimeFromNow') {
    return { text: config.unit?.startsWith('time:') ? day(value) : instant(value), unit: '' };
  }
  if (field.kind === 'boolean') return { text: value ? 'yes' : 'no', unit: '' };
  if (field.kind === 'string') return { text: String(value), unit: '' };
  switch (config.unit) {
    case 'percentunit': return { text: number(100 * value, config.decimals ?? 1), unit: '%' };
    case 's': return seconds(value, config);
    case 'bytes': return bytes(value);
    case 'dateTimeFromNow': return fromNow(value);
    default: return { text: number(value, digits(value, config, 1)), unit: '' };
  }
}

/** A value with its unit. */
export function text(value, field) {
  const { text: shown, unit } = parts(value, field);
  return unit ? `${shown} ${unit}` : shown;
}

/** How many decimals tell a tick from its neighbours: those that it has, at most three. */
const needed = (value) => [0, 1, 2].find((count) => Math.abs(value - Number(value.toFixed(count))) < 1e-9) ?? 3;

/** A value for an axis: short. */
export function tick(value, field) {
  const unit = field?.config?.unit;
  if (unit === 's') {
    const [by, sign] = durationUnit(1.5 * Math.abs(value));
    return value === 0 ? '0' : `${number(value / by, needed(value / by))} ${sign}`;
  }
  const decimals = needed(unit === 'percentunit' ? 100 * value : value);
  return text(value, { kind: 'number', config: { unit, decimals } });
}

/** Rows as CSV (RFC 4180): values as they came, times in ISO 8601. */
export function csv(data) {
  const cell = (value, kind) => {
    if (value === null || value === undefined) return '';
    const written = kind === 'time' ? new Date(value).toISOString().replace('T00:00:00.000Z', '') : String(value);
    return /[",\r\n]/.test(written) ? `"${written.replaceAll('"', '""')}"` : written;
  };
  const named = (column) => [column.name, ...Object.values(column.labels ?? {})].join(' ');
  const lines = [data.columns.map((column) => cell(named(column), 'string'))];
  for (const row of data.rows) lines.push(row.map((value, at) => cell(value, data.columns[at].kind)));
  return lines.map((line) => line.join(',')).join('\r\n') + '\r\n';
}
