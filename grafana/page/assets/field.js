// Columns with the file's configuration: defaults, then overrides by name.

const STATES = { '#1788C9': 'ok', '#B07A00': 'warn', '#C4314B': 'bad', '#808080': 'unknown' };
/** Colours of series that name none, in order. */
export const SERIES = ['#0072B2', '#D55E00', '#C0789C', '#6C9060'];
const OTHERS = '#808080';

function configured(panel, name) {
  const { defaults, overrides } = panel.fieldConfig;
  const config = { ...defaults, custom: { ...defaults.custom } };
  for (const { matcher, properties } of overrides) {
    if (matcher.options !== name) continue;
    for (const { id, value } of properties) {
      if (id.startsWith('custom.')) config.custom[id.slice(7)] = value;
      else config[id] = value;
    }
  }
  return config;
}

function named(column, config) {
  const template = config.displayName;
  if (!template) return [column.name, ...Object.values(column.labels ?? {})].join(' ');
  return template.replace(/\$\{__field\.(?:labels\.(\w+)|name)\}/g,
    (_, label) => (label ? column.labels?.[label] ?? '' : column.name));
}

/** The fields of an answer: `{at, name, kind, labels, config, title}`. */
export function fields(panel, columns) {
  return columns.map((column, at) => {
    const config = configured(panel, column.name);
    return { ...column, at, config, title: named(column, config) };
  });
}

/** Fields that charts and figures draw, each with its colour. */
export function series(panel, columns) {
  const numbers = fields(panel, columns).filter((field) => field.kind === 'number');
  return numbers.map((field, at) => ({
    ...field,
    color: field.config.color?.fixedColor ?? SERIES[at] ?? OTHERS,
  }));
}

/** The step of the thresholds that a value has reached: `{color, state}`; null without any. */
export function step(value, config) {
  const mapped = config.mappings?.find((one) => one.options?.[String(value)])?.options[String(value)];
  if (mapped?.color) return { color: mapped.color, state: STATES[mapped.color] ?? null };
  const steps = config.thresholds?.steps;
  if (!steps || value === null || value === undefined || typeof value !== 'number') return null;
  const reached = steps.findLast((one) => one.value === null || value >= one.value) ?? steps[0];
  return { color: reached.color, state: STATES[reached.color.toUpperCase()] ?? null };
}

/** The last value of a column that is not null. */
export function lastNotNull(rows, at) {
  return rows.findLast((row) => row[at] !== null && row[at] !== undefined)?.[at] ?? null;
}

/** Repositories by their own names where all have one owner, which then tells nothing. */
export function shortNames(names) {
  const owner = String(names.find((name) => name) ?? '').split('/')[0];
  const prefix = `${owner}/`;
  const isShared = owner !== '' && names.every((name) => !name || String(name).startsWith(prefix));
  return (name) => (isShared && name ? String(name).slice(prefix.length) : name);
}
