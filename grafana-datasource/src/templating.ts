import type { ScopedVars } from '@grafana/data';

import { escapeText, quote, segments } from './gremlin/text';
import type { FlowFilter, SkeinQuery } from './types';

type Formatter = (value: unknown, variable?: { multi?: boolean; includeAll?: boolean }) => string;

/** What is needed of Grafana's template service. */
export interface Templates {
  replace(text?: string, scopedVars?: ScopedVars, format?: string | Formatter): string;
  getVariables(): Array<{ name: string }>;
}

/** A text with its variables filled in, and where its places came from. */
export interface Interpolated {
  text: string;
  /** Translates an offset in the text to one in what was written. */
  original(offset: number): number;
}

const REFERENCE = /\$\w+|\[\[\w+(?::\w+)?\]\]|\$\{\w+(?:\.[^:}]+)?(?::[^}]+)?\}/g;
const ALL = '$__all';

function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map((v) => String(v ?? ''));
}

/** insideQuotes writes values into a text in quotes, which is one variable from end to end or not. */
function insideQuotes(mark: string, whole: boolean): Formatter {
  return (value) => {
    const all = texts(value);
    if (all.length === 1) {
      return escapeText(all[0]);
    }
    return whole
      ? all.map(escapeText).join(`${mark}, ${mark}`)
      : `(${all.map((v) => escapeText(v.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))).join('|')})`;
  };
}

/** outsideQuotes writes one value as it is, several as literals with commas. */
const outsideQuotes: Formatter = (value, variable) => {
  const list = Array.isArray(value) || variable?.multi || variable?.includeAll;
  return list ? texts(value).map(quote).join(', ') : texts(value)[0];
};

const asWritten: Formatter = (value) => texts(value).join(',');

/**
 * interpolateGremlin fills the variables of a query in:
 *
 * - a query that is nothing but a variable is its value;
 * - in quotes a value is escaped; several in `'$host'` become `'a', 'b'`, and
 *   an alternative of an expression in `'eth-$host'`;
 * - elsewhere a value is taken as it is, those of a variable that can have
 *   several as literals: `WITHIN($type)`.
 */
export function interpolateGremlin(written: string, templates: Templates, scopedVars?: ScopedVars): Interpolated {
  const pieces: Array<{ at: number; to: number; length: number }> = [];
  let text = '';
  const sole = written.trim();
  if (sole.match(REFERENCE)?.[0] === sole) {
    return { text: templates.replace(sole, scopedVars, asWritten), original: () => 0 };
  }
  for (const s of segments(written)) {
    const part = written.slice(s.from, s.to);
    const mark = written[s.from - 1];
    let last = 0;
    for (const m of part.matchAll(REFERENCE)) {
      const value = templates.replace(m[0], scopedVars, s.quoted ? insideQuotes(mark, m[0] === part) : outsideQuotes);
      text += part.slice(last, m.index) + value;
      last = m.index + m[0].length;
      pieces.push({ at: s.from + m.index, to: s.from + last, length: value.length });
    }
    text += part.slice(last);
  }
  return {
    text,
    original(offset) {
      let shift = 0;
      for (const p of pieces) {
        const start = p.at + shift;
        if (offset < start) {
          break;
        }
        if (offset < start + p.length) {
          return p.at;
        }
        shift += p.length - (p.to - p.at);
      }
      return Math.min(Math.max(offset - shift, 0), written.length);
    },
  };
}

/** allSelected tells whether a text is a variable of which "All" is chosen. */
function allSelected(text: string, templates: Templates): boolean {
  const m = /^\$(\w+)$|^\[\[(\w+)(?::\w+)?\]\]$|^\$\{(\w+)(?::\w+)?\}$/.exec(text.trim());
  const name = m?.[1] ?? m?.[2] ?? m?.[3];
  const found = templates.getVariables().find((v) => v.name === name);
  const current: unknown = found && 'current' in found ? found.current : undefined;
  const value = typeof current === 'object' && current !== null && 'value' in current ? current.value : undefined;
  return texts(value).includes(ALL);
}

/** list fills a comma separated list in; every value when "All" is chosen is said by saying none. */
function list(text: string, templates: Templates, scopedVars?: ScopedVars): string {
  return allSelected(text, templates) ? '' : templates.replace(text, scopedVars, 'csv');
}

function lists(items: string[], templates: Templates, scopedVars?: ScopedVars): string[] {
  return items
    .flatMap((item) => templates.replace(item, scopedVars, 'csv').split(','))
    .map((item) => item.trim())
    .filter((item, i, all) => item !== '' && all.indexOf(item) === i);
}

/** interpolate fills the variables of all fields of a query in. */
export function interpolate(query: SkeinQuery, templates: Templates, scopedVars?: ScopedVars): SkeinQuery {
  const out: SkeinQuery = { ...query };
  const plain = ['time', 'legend', 'expandVariable'] as const;
  for (const name of plain) {
    const text = query[name];
    if (text !== undefined) {
      out[name] = templates.replace(text, scopedVars, asWritten);
    }
  }
  const comma = ['expand', 'keys', 'by', 'metric', 'sort'] as const;
  for (const name of comma) {
    const text = query[name];
    if (text !== undefined) {
      out[name] = list(text, templates, scopedVars);
    }
  }
  const several = ['group', 'columns', 'fields'] as const;
  for (const name of several) {
    const items = query[name];
    if (items !== undefined) {
      out[name] = lists(items, templates, scopedVars);
    }
  }
  if (query.gremlin !== undefined) {
    out.gremlin = interpolateGremlin(query.gremlin, templates, scopedVars).text;
  }
  if (query.filter !== undefined) {
    const filter: FlowFilter = {};
    for (const [name, text] of Object.entries(query.filter)) {
      filter[name as keyof FlowFilter] = list(text ?? '', templates, scopedVars);
    }
    out.filter = filter;
  }
  return out;
}
