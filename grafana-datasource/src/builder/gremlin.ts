import { literal, quote } from '../gremlin/text';
import type { BuilderFollow, BuilderRow, BuilderState, BuilderValue } from '../types';

/** A builder that nobody has touched: all nodes. */
export const EMPTY_BUILDER: BuilderState = { start: 'all', of: [], where: [] };

/** The functions of the comparisons that are not plain equality. */
const FUNCTIONS: Record<string, string> = {
  '!=': 'NE',
  '>': 'GT',
  '>=': 'GTE',
  '<': 'LT',
  '<=': 'LTE',
  matches: 'REGEX',
  network: 'IPV4RANGE',
};

/** toGremlin writes what a builder says as a query. Rows that are not complete yet are left out. */
export function toGremlin(builder: BuilderState): string {
  return ['G.V()', start(builder), ...builder.where.map(condition), follow(builder.follow), limit(builder.limit)].join(
    ''
  );
}

function start(builder: BuilderState): string {
  const of = builder.of.filter((v) => v !== '');
  if (builder.start === 'all' || of.length === 0) {
    return '';
  }
  return has(builder.start === 'type' ? 'Type' : '@Host', of);
}

/** has asks for one value, or for one of several. */
function has(key: string, values: BuilderValue[]): string {
  const list = values.map(literal).join(', ');
  // A dashboard variable may come to be several.
  const several = values.length > 1 || (typeof values[0] === 'string' && values[0].includes('$'));
  return `.Has(${quote(key)}, ${several ? `WITHIN(${list})` : list})`;
}

/** isComplete tells whether a row says enough to be a part of the query. */
export function isComplete(row: BuilderRow): boolean {
  return row.key.trim() !== '' && (takesNoValue(row) || row.values.some((v) => v !== ''));
}

/** takesNoValue tells whether a row is about a key alone. */
export function takesNoValue(row: Pick<BuilderRow, 'op'>): boolean {
  return row.op === 'has' || row.op === 'lacks';
}

/** takesSeveral tells whether a row is about a list of values. */
export function takesSeveral(row: Pick<BuilderRow, 'op'>): boolean {
  return row.op === 'in' || row.op === 'not in';
}

function condition(row: BuilderRow): string {
  if (!isComplete(row)) {
    return '';
  }
  const key = quote(row.key.trim());
  const values = row.values.filter((v) => v !== '');
  switch (row.op) {
    case 'has':
      return `.HasKey(${key})`;
    case 'lacks':
      return `.HasNot(${key})`;
    case '=':
      return has(row.key.trim(), values.slice(0, 1));
    case 'in':
      return `.Has(${key}, WITHIN(${values.map(literal).join(', ')}))`;
    case 'not in':
      return `.Has(${key}, WITHOUT(${values.map(literal).join(', ')}))`;
    default:
      return `.Has(${key}, ${FUNCTIONS[row.op]}(${literal(values[0])}))`;
  }
}

function follow(to?: BuilderFollow): string {
  if (!to) {
    return '';
  }
  const step = { children: 'Descendants', parents: 'Ascendants', neighbours: 'Neighbors' }[to.direction];
  const relation = to.relation ? `'RelationType', ${quote(to.relation)}, ` : '';
  return `.${step}(${relation}${Math.max(0, Math.trunc(to.depth))}).Dedup()`;
}

function limit(n?: number): string {
  return n && n > 0 ? `.Limit(${Math.trunc(n)})` : '';
}

/**
 * readValue reads a value as people type it: digits are a number, true and
 * false are truth, anything else is a text; quotes around it make it one.
 */
export function readValue(typed: string): BuilderValue {
  const text = typed.trim();
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) {
    return quoted[2];
  }
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))) {
    const n = Number(text);
    // Not as a number what would not come back the same.
    return Number.isInteger(n) && !Number.isSafeInteger(n) ? text : n;
  }
  if (/^(true|false)$/i.test(text)) {
    return text.toLowerCase() === 'true';
  }
  return text;
}

/** showValue writes a value so that readValue gives the same. */
export function showValue(value: BuilderValue): string {
  if (typeof value !== 'string') {
    return String(value);
  }
  return value !== '' && readValue(value) !== value ? `"${value}"` : value;
}
