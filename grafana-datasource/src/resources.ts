import type { DataSourceWithBackend } from '@grafana/runtime';

import { toBytes } from './gremlin/offsets';
import { quote, readLiteral } from './gremlin/text';
import type { SkeinOptions, SkeinQuery, SkeinVariableQuery } from './types';

/** A place in a text, counted by the server: bytes from 0; lines and columns from 1. */
export interface Position {
  offset: number;
  line: number;
  column: number;
}

/** One thing that can stand at a place in a query. */
export interface CompletionItem {
  kind: 'step' | 'function' | 'key' | 'value' | 'keyword';
  text: string;
  insert: string;
  detail?: string;
  count?: number;
}

/** What can stand at a place; `from` and `to` are the bytes that an item replaces. */
export interface Completion {
  from: number;
  to: number;
  items: CompletionItem[] | null;
  more?: boolean;
  sampled?: boolean;
}

/** Whether a text is a query. */
export interface Verdict {
  ok: boolean;
  kind?: string;
  travels?: boolean;
  flows?: boolean;
  error?: { code: string; message: string; position?: Position };
}

/** A step or function of the language. */
export interface StepHelp {
  name: string;
  function?: boolean;
  arguments?: string;
  on?: string[] | null;
  gives?: string[] | null;
  detail: string;
  example?: string;
}

/** Something to choose. */
export interface Choice {
  value: string | number | boolean;
  text: string;
  detail?: string;
}

/** What editors ask the backend. */
export interface Resources {
  complete(gremlin: string, offset: number, at: string, limit?: number): Promise<Completion>;
  check(gremlin: string): Promise<Verdict>;
  steps(): Promise<StepHelp[]>;
  keys(gremlin?: string): Promise<Choice[]>;
  /** Values of a key of all nodes, the most common first: numbers as numbers. */
  values(key: string): Promise<Choice[]>;
  types(): Promise<Choice[]>;
  hosts(): Promise<Choice[]>;
  nodes(search: string): Promise<Choice[]>;
  variable(query: SkeinVariableQuery): Promise<Choice[]>;
}

type Backend = Pick<DataSourceWithBackend<SkeinQuery, SkeinOptions>, 'getResource' | 'postResource'>;

/** Errors are shown where they belong, in the editor; not as a message over the page. */
const QUIET = { showErrorAlert: false };

/** newResources asks a datasource's backend. What the language is does not change: it is asked once. */
export function newResources(backend: Backend): Resources {
  let language: Promise<StepHelp[]> | undefined;
  const get = async (path: string, params?: Record<string, string | number>) =>
    choices(await backend.getResource<unknown>(path, params, QUIET));
  const complete = (gremlin: string, offset: number, at: string, limit = 100) =>
    backend.postResource<Completion>('complete', { gremlin, offset, at, limit }, QUIET);
  return {
    complete,
    check: (gremlin) => backend.postResource<Verdict>('check', { gremlin }, QUIET),
    steps() {
      language ??= backend.getResource<StepHelp[] | null>('steps', undefined, QUIET).then(
        (steps) => steps ?? [],
        (err: unknown) => {
          language = undefined;
          throw err;
        }
      );
      return language;
    },
    keys: (gremlin = '') => get('keys', { gremlin }),
    async values(key) {
      // Completion knows what is a number and what a text.
      const gremlin = `G.V().Has(${quote(key)}, `;
      const { items } = await complete(gremlin, toBytes(gremlin, gremlin.length), '', 200);
      return (items ?? []).flatMap((item) => {
        const value = item.kind === 'value' ? readLiteral(item.insert) : undefined;
        return value === undefined
          ? []
          : [{ value, text: item.text, detail: item.count ? `${item.count}×` : undefined }];
      });
    },
    types: () => get('types'),
    hosts: () => get('hosts'),
    nodes: (search) => get('nodes', { q: search }),
    variable: async (query) => choices(await backend.postResource<unknown>('variable', { query }, QUIET)),
  };
}

function isScalar(v: unknown): v is string | number | boolean {
  return typeof v === 'string' || typeof v === 'number' || typeof v === 'boolean';
}

/** choices reads a list of plain values, or of objects that name them. */
export function choices(answer: unknown): Choice[] {
  if (!Array.isArray(answer)) {
    return [];
  }
  const out: Choice[] = [];
  for (const item of answer) {
    if (isScalar(item)) {
      out.push({ value: item, text: String(item) });
    } else if (typeof item === 'object' && item !== null) {
      const choice = choiceOf(new Map<string, unknown>(Object.entries(item)));
      if (choice) {
        out.push(choice);
      }
    }
  }
  return out;
}

function choiceOf(item: Map<string, unknown>): Choice | undefined {
  const first = (...names: string[]) => names.map((n) => item.get(n)).find((v) => isScalar(v) && v !== '');
  const value = first('value', 'id', 'key', 'type', 'name', 'text');
  const text = first('text', 'name', 'label', 'value', 'id', 'key', 'type');
  if (!isScalar(value) || !isScalar(text)) {
    return undefined;
  }
  const count = item.get('count');
  const detail = first('detail', 'type');
  return {
    value,
    text: String(text),
    detail: isScalar(detail) && detail !== text ? String(detail) : typeof count === 'number' ? `${count}×` : undefined,
  };
}
