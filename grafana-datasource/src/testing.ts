import type { ScopedVars } from '@grafana/data';

import type { Resources } from './resources';
import type { Templates } from './templating';

type Value = string | string[];

/** Variables as Grafana fills them in, as far as the tests need it. */
export function fakeTemplates(values: Record<string, Value>, all: string[] = []): Templates {
  const format = (value: Value, how: string | undefined) => {
    const list = Array.isArray(value) ? value : [value];
    return how === 'raw' || how === 'csv' ? list.join(',') : list.length > 1 ? `{${list.join(',')}}` : list[0];
  };
  return {
    getVariables: () =>
      Object.keys(values).map((name) => ({
        name,
        current: { value: all.includes(name) ? ['$__all'] : values[name] },
      })),
    replace: (text = '', scopedVars?: ScopedVars, how?) =>
      text.replace(
        /\$\{(\w+)(?::(\w+))?\}|\$(\w+)|\[\[(\w+)\]\]/g,
        (match, a?: string, explicit?: string, b?: string, c?: string) => {
          const name = a ?? b ?? c ?? '';
          const value: Value | undefined = scopedVars?.[name]?.value ?? values[name];
          if (value === undefined) {
            return match;
          }
          if (explicit || typeof how !== 'function') {
            return format(value, explicit ?? (typeof how === 'string' ? how : undefined));
          }
          return how(value, { multi: Array.isArray(value), includeAll: all.includes(name) });
        }
      ),
  };
}

/** A backend that knows nothing, but for what a test says. */
export function fakeResources(known: Partial<Resources> = {}): jest.Mocked<Resources> {
  const none = () => Promise.resolve([]);
  return {
    complete: jest.fn(known.complete ?? (() => Promise.resolve({ from: 0, to: 0, items: [] }))),
    check: jest.fn(known.check ?? (() => Promise.resolve({ ok: true }))),
    steps: jest.fn(known.steps ?? none),
    keys: jest.fn(known.keys ?? none),
    values: jest.fn(known.values ?? none),
    types: jest.fn(known.types ?? none),
    hosts: jest.fn(known.hosts ?? none),
    nodes: jest.fn(known.nodes ?? none),
    variable: jest.fn(known.variable ?? none),
  };
}
